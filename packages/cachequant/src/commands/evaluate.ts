import { dirname, resolve } from 'node:path';
import { type PictureScorer, pictureScorer, readScorerReference } from '@cachequant/evaluate';
import { isBundle, loadGraph } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Runtime, writeFile } from '@cachequant/tensor';
import type { Command } from 'commander';
import { z } from 'zod';
import { examples } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { locateGraph } from '../model-sources/model-location.js';
import { openGenerator, promptsOfBundle } from '../model-sources/open-generator.js';
import { openWholeModel } from '../model-sources/open-model.js';
import { MODEL_KINDS, type SourceOptions } from '../model-sources/source-options.js';
import { type EvaluateOptions, type KnownScorer, NO_SCORER } from '../options/evaluate-options.js';
import {
  addGenerationOptions,
  promptOptionsOf,
  requireSubject,
  type Subject,
  subjectsOf,
} from '../options/generation-options.js';
import { requireWritableFile } from '../options/output-folder.js';
import { integer } from '../options/parse-arguments.js';
import { readJsonFile } from '../options/read-file.js';
import { readPrompts } from '../options/read-prompts.js';
import { evaluateImages } from '../pictures/evaluate-images.js';
import { evaluationState } from '../pictures/evaluation-state.js';
import { openPictures, readPictures } from '../pictures/given-pictures.js';
import { evaluationLines } from '../print/print-evaluation.js';
import { createProgress } from '../print/progress.js';
import { withRuntime } from '../with-runtime.js';

export function addEvaluate(program: Command, io: CliIo): void {
  addGenerationOptions(
    program
      .command('evaluate')
      .summary("measure a model's or a bundle's pictures over many seeds")
      .description(
        'Generates pictures with a model folder or a bundle and measures them: against the same prompts and seeds of ' +
          '--reference (PSNR, SSIM, error per network call), and with a --scorer (Fréchet distance of its features, ' +
          'accuracy of what the prompts name). Can be stopped and continued; memory does not grow with the images.',
      )
      .argument('<model>', `a bundle, ${MODEL_KINDS}`)
      .option('--reference <folder>', 'the model or bundle to compare with')
      .option('--scorer <file>', 'an ONNX network that scores pictures, with its reference.json beside it')
      .option('--prompts <file>', 'prompts, one per line; image i takes prompt i, and the list repeats')
      .option('--images <number>', 'pictures in total (default: --count per prompt)', integer(1))
      .option('--out <file>', 'where the result goes as JSON', 'evaluation.json'),
  )
    .addHelpText(
      'after',
      examples([
        [
          'evaluate ./my-bundle --reference ./my-model --prompts prompts.txt --images 256',
          'what a bundle loses',
        ],
        [
          'evaluate ./my-bundle --scorer ./fashion-eval/evaluator.onnx --prompts prompts.txt --images 512',
          'distance to real pictures, and whether they show what was asked for',
        ],
      ]),
    )
    .action((given: string, _: unknown, command: Command) =>
      evaluate(given, command.optsWithGlobals<EvaluateOptions>(), io),
    );
}

async function evaluate(given: string, options: EvaluateOptions, io: CliIo): Promise<void> {
  const out = resolve(io.cwd, options.out);
  const subjects = await subjectsIn(options, io.cwd);
  const pictures = await openPictures(options, io.cwd);
  await requireWritableFile(out, `--out ${options.out}`);
  const progress = createProgress(io.stderr);
  const model = await openWholeModel(given, await optionsFor(given, options, io), io, progress);
  const reference =
    options.reference === undefined
      ? undefined
      : await openWholeModel(
          options.reference,
          await optionsFor(options.reference, options, io),
          io,
          progress,
        );
  await requireSubject(model, subjects);
  const state = await evaluationState(out, {
    folders: [model.place, ...(reference ? [reference.place] : [])],
    options: {
      ...options,
      prompts: subjects,
      ...(pictures.image && { pictures: pictures.hashes }),
      images: undefined,
      threads: undefined,
      json: undefined,
      debug: undefined,
    },
  });
  const summary = await withRuntime(options.threads, async (runtime) => {
    const opened: { dispose(): Promise<void> }[] = [];
    const keep = <T extends { dispose(): Promise<void> }>(part: T): T => {
      opened.push(part);
      return part;
    };
    try {
      const own = promptOptionsOf(options);
      const generator = keep(await openGenerator(model, runtime, own));
      const like = { ...(await promptsOfBundle(model)), ...own };
      const compared = reference && keep(await openGenerator(reference, runtime, like));
      const known =
        options.scorer === undefined ? NO_SCORER : await openScorer(options.scorer, runtime, io.cwd);
      if (known.scorer) keep(known.scorer);
      return await evaluateImages({
        generator,
        reference: compared,
        known,
        subjects,
        options,
        given: await readPictures(pictures, options, generator),
        state,
        progress,
        io,
      });
    } finally {
      progress.stop();
      for (const part of opened) await part.dispose();
    }
  });
  const result = { model: given, comparedWith: options.reference ?? null, ...summary };
  await writeFile(nodeStorage(dirname(out)), state.name, `${JSON.stringify(result, null, 2)}\n`);
  await state.remove();
  if (options.json) writeJson(io, result);
  else writeLines(io.stdout, [...evaluationLines(summary), out]);
}

/** Options on how a model is read are those of the model, where the other one is a bundle. */
async function optionsFor(given: string, options: EvaluateOptions, io: CliIo): Promise<SourceOptions> {
  return options.reference !== undefined && (await isBundle(nodeStorage(resolve(io.cwd, given))))
    ? {}
    : options;
}

/** What the file or the options say, each `count` times. */
async function subjectsIn(
  { prompt, classLabel, prompts, count }: EvaluateOptions,
  cwd: string,
): Promise<readonly Subject[]> {
  if (prompts !== undefined && prompt !== undefined) {
    throw new CacheQuantError('invalid-argument', 'give either --prompt or --prompts', {
      where: '--prompts',
    });
  }
  const listed = prompts === undefined ? prompt : await readPrompts(resolve(cwd, prompts));
  return subjectsOf({ ...(listed && { prompt: listed }), ...(classLabel && { classLabel }) }).flatMap(
    (subject) => new Array<Subject>(count).fill(subject),
  );
}

async function openScorer(path: string, runtime: Runtime, cwd: string): Promise<KnownScorer> {
  const { storage, file, folder } = await locateGraph(cwd, path);
  const scorer: PictureScorer = pictureScorer(await loadGraph(runtime, storage, file));
  const beside = resolve(folder, 'reference.json');
  if (!(await storage.stat('reference.json'))) return { reference: NO_SCORER.reference, scorer };
  return { scorer, reference: readScorerReference(await readJsonFile(beside, z.unknown()), scorer.outputs) };
}
