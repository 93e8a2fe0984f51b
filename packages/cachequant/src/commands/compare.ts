import { join, resolve } from 'node:path';
import { psnr, speedOf, ssim } from '@cachequant/evaluate';
import {
  encodePng,
  type GeneratedImage,
  type GenerationRequest,
  type Generator,
  imageGrid,
  isBundle,
  type RunTiming,
} from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Runtime, writeFile } from '@cachequant/tensor';
import type { Command } from 'commander';
import { examples } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { bundleInputs } from '../model-sources/bundle-inputs.js';
import { locateFolder, type ModelLocation } from '../model-sources/model-location.js';
import { openGenerator, promptsOfBundle } from '../model-sources/open-generator.js';
import { openWholeModel } from '../model-sources/open-model.js';
import type { OpenedModelSource } from '../model-sources/open-model-source.js';
import { MODEL_KINDS } from '../model-sources/source-options.js';
import { decoderOptionsOf } from '../options/decoder-options.js';
import {
  addGenerationOptions,
  type GenerationOptions,
  imageJobs,
  promptOptionsOf,
  requestFor,
  requireSubject,
  subjectsOf,
  subjectText,
  withSize,
} from '../options/generation-options.js';
import { requireWritableFolder } from '../options/output-folder.js';
import { type GivenPictures, openPictures, readPictures } from '../pictures/given-pictures.js';
import { imageTimes } from '../pictures/image-times.js';
import { type ComparedImage, type Comparison, comparisonLines } from '../print/print-comparison.js';
import { createProgress, type Progress } from '../print/progress.js';
import { threadsOf, withRuntime } from '../with-runtime.js';

interface CompareOptions extends GenerationOptions {
  readonly out: string;
}

interface Pair {
  readonly original: GeneratedImage;
  readonly optimized: GeneratedImage;
}

const GRID = 'comparison.png';
const GRID_GAP = 4;
/** Pictures smaller than this are enlarged to be looked at. */
const SMALL_PIXELS = 128;

export function addCompare(command: Command, io: CliIo): void {
  addGenerationOptions(
    command
      .description(
        'Generates the same prompts and seeds with a model folder and with its bundle, in turn, and shows what the ' +
          `bundle gains in time and loses in quality. Writes ${GRID}: the original on the left, the bundle on the right.`,
      )
      .argument('<model>', MODEL_KINDS)
      .argument('<bundle>', 'the bundle made of it')
      .option('--out <folder>', 'where the picture goes', '.'),
  )
    .addHelpText(
      'after',
      examples([
        ['compare ./my-model ./my-bundle --prompt "a red sneaker" --count 4', 'four seeds'],
        ['compare ./my-model ./my-bundle --prompt "a blue dress" --json', 'for a program'],
      ]),
    )
    .action((model: string, bundle: string, _: unknown, command: Command) =>
      compare(model, bundle, withSize(command.optsWithGlobals<CompareOptions>()), io),
    );
}

async function compare(model: string, bundle: string, options: CompareOptions, io: CliIo): Promise<void> {
  const optimized = await locateFolder(io.cwd, bundle);
  await requireBundle(optimized);
  await requireSubject(optimized, subjectsOf(options));
  const pictures = await openPictures(options, io.cwd);
  await requireWritableFolder(resolve(io.cwd, options.out), `--out ${options.out}`);
  const progress = createProgress(io.stderr);
  const source = await openWholeModel(model, options, io, progress);
  const comparison = await withRuntime(threadsOf(options.threads), (runtime) =>
    compareWith({ runtime, source, optimized, pictures }, options, io, progress),
  );
  if (options.json) writeJson(io, comparison);
  else writeLines(io.stdout, comparisonLines(comparison));
}

async function requireBundle({ storage, given }: ModelLocation): Promise<void> {
  if (await isBundle(storage)) return;
  throw new CacheQuantError('bundle', 'the folder holds no bundle', {
    where: given,
    hint: 'Give the model folder first, then the folder that `cachequant optimize` wrote',
  });
}

interface Places {
  readonly runtime: Runtime;
  readonly source: OpenedModelSource;
  readonly optimized: ModelLocation;
  readonly pictures: GivenPictures;
}

async function compareWith(
  { runtime, source, optimized, pictures }: Places,
  options: CompareOptions,
  io: CliIo,
  progress: Progress,
): Promise<Comparison> {
  const prompts = promptOptionsOf(options);
  const inputs = await bundleInputs(optimized.storage, options.input, io.cwd);
  const fast = await openGenerator({ ...optimized, inputs }, runtime, {
    prompts,
    size: options,
    ...decoderOptionsOf(options),
  });
  try {
    const like = { ...(await promptsOfBundle(optimized)), ...prompts };
    const float = await openGenerator(source, runtime, { prompts: like });
    try {
      return await comparePairs(
        float,
        fast,
        await readPictures(pictures, options, fast),
        options,
        io,
        progress,
      );
    } finally {
      await float.dispose();
    }
  } finally {
    progress.stop();
    await fast.dispose();
  }
}

async function comparePairs(
  float: Generator,
  fast: Generator,
  given: Partial<GenerationRequest>,
  options: CompareOptions,
  io: CliIo,
  progress: Progress,
): Promise<Comparison> {
  const pairs: Pair[] = [];
  const runs = { original: [] as RunTiming[], optimized: [] as RunTiming[] };
  const warnings = new Set<string>();
  const jobs = imageJobs(options);
  // Its own calls are those of these steps; the original makes all of them.
  const { timesteps: _, ...defaults } = fast.defaults;
  let [width, height] = [0, 0];
  for (const [i, job] of jobs.entries()) {
    progress.update('comparing', i, jobs.length);
    const request = {
      ...defaults,
      ...requestFor(job, options),
      ...given,
      ...(io.signal && { signal: io.signal }),
    };
    const drawFast = async () => {
      const made = await fast.generate(request);
      ({ width, height } = made.images[0]!);
      return made;
    };
    const drawFloat = () => float.generate({ ...request, width, height });
    // Every second pair in reverse, so that a machine whose speed drifts slows both.
    const [optimized, original] =
      i % 2 === 0 ? [await drawFast(), await drawFloat()] : await reversed(drawFast, drawFloat);
    for (const warning of [...original.warnings, ...optimized.warnings]) warnings.add(warning);
    runs.original.push(...original.timings.runs);
    runs.optimized.push(...optimized.timings.runs);
    pairs.push({ original: original.images[0]!, optimized: optimized.images[0]! });
  }
  progress.stop();
  for (const warning of warnings) progress.note(`warning: ${warning}`);
  const out = resolve(io.cwd, options.out);
  await writeFile(nodeStorage(out), GRID, encodePng(pairGrid(pairs)));
  const times = { original: imageTimes(runs.original), optimized: imageTimes(runs.optimized) };
  return {
    grid: join(out, GRID),
    images: pairs.map(comparedImage),
    times,
    speedup: speedOf(secondsOf(runs.original), secondsOf(runs.optimized)).speedup,
    warnings: [...warnings],
  };
}

async function reversed<A, B>(first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  const made = await second();
  return [await first(), made];
}

function secondsOf(runs: readonly RunTiming[]): number[] {
  return runs.map(({ totalMs, images }) => totalMs / images / 1000);
}

function comparedImage({ original, optimized }: Pair): ComparedImage {
  return {
    prompt: original.prompt,
    classLabel: original.classLabel,
    seed: original.seed,
    psnr: psnr(original, optimized),
    ssim: ssim(original, optimized),
  };
}

function pairGrid(pairs: readonly Pair[]) {
  const scale = Math.max(1, Math.floor(SMALL_PIXELS / pairs[0]!.original.width));
  const pictures = pairs.flatMap(({ original, optimized }) => [original, optimized]);
  const rowLabels = pairs.map(({ original, optimized }) => {
    const decibels = psnr(original, optimized);
    const likeness = Number.isFinite(decibels) ? `${decibels.toFixed(1)} dB` : 'identical';
    return [subjectText(original), `seed ${original.seed}`, likeness].filter(Boolean).join('\n');
  });
  return imageGrid(pictures, 2, { gap: GRID_GAP, scale, columnLabels: ['original', 'bundle'], rowLabels });
}
