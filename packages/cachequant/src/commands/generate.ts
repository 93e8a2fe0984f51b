import { join, resolve } from 'node:path';
import { encodePng, type Generator, type RunTiming } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { writeFile } from '@cachequant/tensor';
import type { Command } from 'commander';
import { examples } from '../command-context.js';
import {
  addGenerationOptions,
  type GenerationOptions,
  imageFileName,
  imageJobs,
  requestFor,
  requirePrompt,
} from '../generation-options.js';
import { imageTimes, timesLine } from '../image-times.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { locateFolder } from '../model-location.js';
import { openGenerator } from '../open-generator.js';
import { requireWritableFolder } from '../output-folder.js';
import { createProgress, type Progress } from '../progress.js';
import { withRuntime } from '../with-runtime.js';

interface GenerateOptions extends GenerationOptions {
  readonly out: string;
}

/** What a run of the command made. */
interface Generated {
  readonly images: readonly {
    readonly file: string;
    readonly prompt: string | undefined;
    readonly seed: number;
    readonly width: number;
    readonly height: number;
  }[];
  readonly warnings: readonly string[];
  readonly textEncoderMs: number;
  readonly runs: readonly RunTiming[];
}

export function addGenerate(program: Command, io: CliIo): void {
  addGenerationOptions(
    program
      .command('generate')
      .summary('make images with a model folder or a bundle')
      .description(
        'Makes images with a model folder or a bundle, and writes each as a PNG as soon as it is done.',
      )
      .argument('<model>', 'a model folder or a bundle')
      .option('--out <folder>', 'where the pictures go', '.'),
  )
    .addHelpText(
      'after',
      examples([
        ['generate ./my-bundle --prompt "a red sneaker" --seed 7 --count 4', 'four images, seeds 7 to 10'],
        [
          'generate ./my-model --prompt "a blue dress" --prompt "a black boot" --out ./pictures',
          'two prompts',
        ],
        ['generate ./my-model --prompt "a bag" --sampler dpm-solver++ --steps 20', 'another sampler'],
      ]),
    )
    .action((given: string, _: unknown, command: Command) =>
      generate(given, command.optsWithGlobals<GenerateOptions>(), io),
    );
}

async function generate(given: string, options: GenerateOptions, io: CliIo): Promise<void> {
  const location = await locateFolder(io.cwd, given);
  const out = resolve(io.cwd, options.out);
  await requirePrompt(location, options.prompt);
  await requireWritableFolder(out, `--out ${options.out}`);
  const progress = createProgress(io.stderr);
  const generated = await withRuntime(options.threads, async (runtime) => {
    const generator = await openGenerator(location, runtime);
    try {
      return await generateAll(generator, out, options, io, progress);
    } finally {
      progress.stop();
      await generator.dispose();
    }
  });
  const times = imageTimes(generated.runs);
  if (options.json) writeJson(io, { ...generated, times });
  else writeLines(io.stdout, [...generated.images.map(({ file }) => file), timesLine(times)]);
}

async function generateAll(
  generator: Generator,
  out: string,
  options: GenerateOptions,
  io: CliIo,
  progress: Progress,
): Promise<Generated> {
  const storage = nodeStorage(out);
  const images: Generated['images'][number][] = [];
  const runs: RunTiming[] = [];
  const warnings = new Set<string>();
  let textEncoderMs = 0;
  const jobs = imageJobs(options);
  for (const [i, job] of jobs.entries()) {
    const task = `image ${i + 1} of ${jobs.length}`;
    const result = await generator.generate({
      ...requestFor(job, options),
      ...(io.signal && { signal: io.signal }),
      onStep: ({ call, calls }) => progress.update(task, call + 1, calls),
    });
    for (const warning of result.warnings) showOnce(warnings, warning, progress);
    textEncoderMs += result.timings.textEncoderMs;
    runs.push(...result.timings.runs);
    for (const image of result.images) {
      const name = imageFileName(job);
      await writeFile(storage, name, encodePng(image));
      images.push({ file: join(out, name), ...job, width: image.width, height: image.height });
    }
  }
  return { images, warnings: [...warnings], textEncoderMs, runs };
}

function showOnce(shown: Set<string>, warning: string, progress: Progress): void {
  if (shown.has(warning)) return;
  shown.add(warning);
  progress.note(`warning: ${warning}`);
}
