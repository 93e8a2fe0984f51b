import { join, resolve } from 'node:path';
import {
  encodePng,
  type GenerationRequest,
  type Generator,
  type RunTiming,
  withRefiner,
} from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import type { Command } from 'commander';
import { examples } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { type ModelIdentity, modelIdentity } from '../model-sources/model-identity.js';
import { openGenerator } from '../model-sources/open-generator.js';
import { openWholeModel } from '../model-sources/open-model.js';
import { MODEL_KINDS } from '../model-sources/source-options.js';
import { decoderOptionsOf } from '../options/decoder-options.js';
import {
  addGenerationOptions,
  type GenerationOptions,
  type ImageJob,
  imageFileName,
  imageJobs,
  promptOptionsOf,
  requestFor,
  requireSubject,
  subjectsOf,
  withSize,
} from '../options/generation-options.js';
import { requireWritableFolder } from '../options/output-folder.js';
import { decimal, integer } from '../options/parse-arguments.js';
import { picturesOption, queueOption } from '../options/queue-options.js';
import { UsageError } from '../options/usage-error.js';
import { CONTROL_SETTINGS } from '../pictures/control-options.js';
import { openPictures, readPictures } from '../pictures/given-pictures.js';
import { imageTimes, timesLine } from '../pictures/image-times.js';
import {
  metadataText,
  optionsLike,
  type PictureMetadata,
  pictureMetadata,
  type RunMetadata,
  readPictureMetadata,
} from '../pictures/picture-metadata.js';
import { savePicture } from '../pictures/save-picture.js';
import { createProgress, type Progress } from '../print/progress.js';
import { addRuntimeOptions, type RuntimeOptions } from '../runtimes.js';
import { withRuntime } from '../with-runtime.js';
import { type BatchCommandOptions, generateBatch } from './generate-batch.js';

interface GenerateOptions extends GenerationOptions, RuntimeOptions {
  readonly out: string;
  readonly like?: string;
  readonly metadata: boolean;
  /** Network calls between two unfinished pictures. */
  readonly preview?: number;
}

/** What a run of the command made. */
interface Generated {
  readonly images: readonly (ImageJob & {
    readonly file: string;
    readonly width: number;
    readonly height: number;
  })[];
  /** Files of unfinished pictures. */
  readonly previews: readonly string[];
  readonly warnings: readonly string[];
  readonly textEncoderMs: number;
  readonly runs: readonly RunTiming[];
}

export function addGenerate(command: Command, io: CliIo): void {
  addRuntimeOptions(
    addGenerationOptions(
      command
        .description(
          'Makes images with a model folder or a bundle, and writes each as a PNG as soon as it is done. No file is ' +
            'replaced: where the name is taken by another picture, a number is added. Each PNG says how it was made.',
        )
        .argument('<model>', `a bundle, ${MODEL_KINDS}`)
        .option('--out <folder>', 'where the pictures go', '.')
        .option(
          '--like <picture.png>',
          'repeat the settings of a picture that this command wrote; other options override them',
        )
        .option(
          '--prompts <file>',
          'a JSON object a line, with prompt, negativePrompt, seed, steps, guidanceScale, sampler, width, height and id; - for the standard input',
        )
        .option('--retry-errors', 'with --prompts: draw lines again that failed')
        .addOption(queueOption())
        .addOption(picturesOption())
        .option(
          '--preview <calls>',
          'write the unfinished picture after every so many network calls, by the tiny decoder where there is one',
          integer(1),
        )
        .option(
          '--refiner <model>',
          "a model that makes the last calls of each picture, such as SDXL's refiner; a folder, a bundle or an id",
        )
        .option(
          '--refiner-start <share>',
          'share of the noise that is removed before the refiner goes on (default: 0.8)',
          decimal(0, 1),
        )
        .option('--no-metadata', 'keep prompt, seed and settings out of the files'),
    ),
  )
    .addHelpText(
      'after',
      examples([
        ['generate ./my-bundle --prompt "a red sneaker" --seed 7 --count 4', 'four images, seeds 7 to 10'],
        [
          'generate ./my-model --prompt "a blue dress" --prompt "a black boot" --out ./pictures',
          'two prompts',
        ],
        ['generate ./my-model --prompt "a fox" --image dog.png --strength 0.6', 'a picture changed'],
        ['generate ./my-model --prompt "a hat" --image dog.png --mask head.png', 'a part of it painted'],
        [
          'generate ./my-model --controlnet ./canny --control-image edges.png --prompt "a house"',
          'along the edges of another',
        ],
        ['generate ./sdxl --refiner ./sdxl-refiner --prompt "a fox"', 'the last calls by the refiner'],
        ['generate ./my-model --prompt "a bag" --sampler dpm-solver++ --steps 20', 'another sampler'],
        [
          'generate ./my-bundle --prompts prompts.jsonl --out ./pictures',
          'a picture a line; stopped or killed, the same command goes on',
        ],
        [
          'generate my-bundle --prompts prompts.jsonl --out ./pictures --queue redis://queue:6379 --pictures /shared/pictures',
          'the same by workers that draw by my-bundle',
        ],
        [
          'generate ./my-bundle --prompt "a fox" --preview 5 --tiny-decoder madebyollin/taesd',
          'with the unfinished picture after every fifth network call',
        ],
        ['generate ./my-bundle --like a-bag-0.png --count 8', 'that picture and seven more of its kind'],
        ['generate stabilityai/sd-turbo --prompt "a fox" --steps 1 --guidance-scale 0', 'a model of the Hub'],
        ['generate ./model.safetensors --lora ./style.safetensors:0.8 --prompt "a fox"', 'a file and a LoRA'],
      ]),
    )
    .action((given: string, _: unknown, command: Command) => generate(given, command, io));
}

async function generate(given: string, command: Command, io: CliIo): Promise<void> {
  const asked = withSize(command.optsWithGlobals<GenerateOptions & Partial<BatchCommandOptions>>());
  const { prompts } = asked;
  if (prompts !== undefined) return generateBatch(given, { ...asked, prompts }, io);
  if (asked.queue !== undefined) throw new UsageError('--queue goes with --prompts');
  const { options, like } = await withLike(command, io.cwd);
  refuseRefiner(options);
  const pictures = await openPictures(options, io.cwd);
  const out = resolve(io.cwd, options.out);
  await requireWritableFolder(out, `--out ${options.out}`);
  const progress = createProgress(io.stderr);
  const location = await openWholeModel(given, options, io, progress);
  await requireSubject(location, subjectsOf(options));
  const identity = options.metadata || like ? await modelIdentity(location, io.signal) : undefined;
  if (like && identity && like.model.fingerprint !== identity.model.fingerprint) {
    progress.note(
      `warning: The picture was made with another model (${like.model.name}), so this one will look different.`,
    );
  }
  const generated = await withRuntime(options, async (runtime) => {
    const alone = await openGenerator(location, runtime, {
      prompts: promptOptionsOf(options),
      size: options,
      ...decoderOptionsOf(options),
    });
    const generator = await refined(alone, runtime, options, io, progress);
    try {
      const run = options.metadata && identity ? runMetadata(generator, identity, options) : undefined;
      const given = await readPictures(pictures, options, generator);
      return await generateAll({ generator, out, options, given, run, io, progress });
    } finally {
      progress.stop();
      await generator.dispose();
    }
  });
  const times = imageTimes(generated.runs);
  if (options.json) writeJson(io, { ...generated, times });
  else writeLines(io.stdout, [...generated.images.map(({ file }) => file), timesLine(times)]);
}

/** @throws UsageError for options that do not go together */
function refuseRefiner({ refiner, refinerStart, image }: GenerateOptions): void {
  if (refiner === undefined && refinerStart !== undefined) {
    throw new UsageError("option '--refiner-start' needs '--refiner <model>': nothing goes on there");
  }
  if (refiner !== undefined && image !== undefined) {
    throw new UsageError('--refiner does not go with --image: give the picture to the refiner alone');
  }
}

/** The generator, and behind it that of `--refiner`; what was loaded before a failure is freed. */
async function refined(
  base: Generator,
  runtime: Runtime,
  { refiner, refinerStart }: GenerateOptions,
  io: CliIo,
  progress: Progress,
): Promise<Generator> {
  if (refiner === undefined) return base;
  try {
    const location = await openWholeModel(refiner, {}, io, progress);
    return withRefiner(base, await openGenerator(location, runtime), refinerStart);
  } catch (error) {
    await base.dispose();
    throw error;
  }
}

/** The options, with those of a picture to repeat where others were not given. */
async function withLike(
  command: Command,
  cwd: string,
): Promise<{ options: GenerateOptions; like: PictureMetadata | undefined }> {
  const options = withSize(command.optsWithGlobals<GenerateOptions>());
  if (options.like === undefined) return { options, like: undefined };
  const like = await readPictureMetadata(resolve(cwd, options.like));
  const isGiven = (name: string) => {
    if (name === 'width' || name === 'height') return options[name] !== undefined;
    const source = command.getOptionValueSource(name);
    return source !== undefined && source !== 'default';
  };
  return { options: optionsLike(like, options, isGiven), like };
}

function runMetadata(
  { defaults }: Generator,
  { model, sampler }: ModelIdentity,
  options: GenerateOptions,
): RunMetadata {
  return {
    model,
    sampler: options.sampler ?? defaults.sampler ?? sampler,
    steps: options.steps ?? defaults.steps,
    guidanceScale: options.guidanceScale ?? defaults.guidanceScale,
    negativePrompt: options.negativePrompt,
    clipSkip: options.clipSkip,
    promptWeights: options.promptWeights,
    promptChunks: options.promptChunks,
    ...Object.fromEntries(CONTROL_SETTINGS.map((name) => [name, options[name]])),
    ...(options.controlImage !== undefined && {
      controlScale: options.controlScale ?? defaults.controlScale ?? 1,
    }),
    ...(options.refiner !== undefined && { refinerStart: options.refinerStart ?? 0.8 }),
    ...(options.image !== undefined && { strength: options.strength ?? (options.mask ? 1 : 0.8) }),
  };
}

interface GenerateJob {
  readonly generator: Generator;
  readonly out: string;
  readonly options: GenerateOptions;
  /** The picture to change. */
  readonly given: Partial<GenerationRequest>;
  /** Undefined to keep it out of the files. */
  readonly run: RunMetadata | undefined;
  readonly io: CliIo;
  readonly progress: Progress;
}

async function generateAll({
  generator,
  out,
  options,
  given,
  run,
  io,
  progress,
}: GenerateJob): Promise<Generated> {
  const storage = nodeStorage(out);
  const images: Generated['images'][number][] = [];
  const runs: RunTiming[] = [];
  const previews: string[] = [];
  const warnings = new Set<string>();
  let textEncoderMs = 0;
  const jobs = imageJobs(options);
  for (const [i, job] of jobs.entries()) {
    const task = `image ${i + 1} of ${jobs.length}`;
    const result = await generator.generate({
      ...requestFor(job, options),
      ...given,
      ...(io.signal && { signal: io.signal }),
      onStep: async ({ call, calls, preview }) => {
        progress.update(task, call + 1, calls);
        const every = options.preview;
        if (every === undefined || (call + 1) % every !== 0 || call === calls - 1) return;
        const name = imageFileName(job).replace(/\.png$/, `-call-${String(call + 1).padStart(3, '0')}.png`);
        previews.push(join(out, await savePicture(storage, name, encodePng(await preview()))));
      },
    });
    for (const warning of result.warnings) showOnce(warnings, warning, progress);
    textEncoderMs += result.timings.textEncoderMs;
    runs.push(...result.timings.runs);
    for (const image of result.images) {
      const text = run && metadataText(pictureMetadata(run, job, image));
      const name = await savePicture(storage, imageFileName(job), encodePng(image, text));
      images.push({ file: join(out, name), ...job, width: image.width, height: image.height });
    }
  }
  return { images, previews, warnings: [...warnings], textEncoderMs, runs };
}

function showOnce(shown: Set<string>, warning: string, progress: Progress): void {
  if (shown.has(warning)) return;
  shown.add(warning);
  progress.note(`warning: ${warning}`);
}
