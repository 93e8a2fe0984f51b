import { dirname, resolve } from 'node:path';
import { Evaluation, type PictureScorer, pictureScorer, readScorerReference } from '@cachequant/evaluate';
import { imagesOfShard } from '@cachequant/optimizer';
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
import { decoderOptionsOf } from '../options/decoder-options.js';
import { type EvaluateOptions, type KnownScorer, NO_SCORER } from '../options/evaluate-options.js';
import {
  addGenerationOptions,
  promptOptionsOf,
  requireSubject,
  type Subject,
  subjectsOf,
  withSize,
} from '../options/generation-options.js';
import { requireWritableFile } from '../options/output-folder.js';
import { integer } from '../options/parse-arguments.js';
import { readJsonFile } from '../options/read-file.js';
import { readPrompts } from '../options/read-prompts.js';
import { requireOneOf, shardOf, shardPlace, shardPlaces } from '../options/shards.js';
import { evaluateImages, evaluateShard } from '../pictures/evaluate-images.js';
import { mergeEvaluationShards, openEvaluationShard, removeShards } from '../pictures/evaluation-shards.js';
import { evaluationFingerprint, evaluationState } from '../pictures/evaluation-state.js';
import { openPictures, readPictures } from '../pictures/given-pictures.js';
import { evaluationLines } from '../print/print-evaluation.js';
import { createProgress } from '../print/progress.js';
import { threadsOf, withRuntime } from '../with-runtime.js';

export function addEvaluate(command: Command, io: CliIo): void {
  addGenerationOptions(
    command
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
      .option('--shard <i/n>', 'measure only the i-th of n shares of the images; then --merge', shardOf)
      .option('--merge [files...]', 'combine all shards (default: those beside the result)')
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
        [
          'evaluate ./my-bundle --reference ./my-model --prompt x --images 256 --shard 1/4',
          'one of four processes; the same with --merge gives the result',
        ],
      ]),
    )
    .action((given: string, _: unknown, command: Command) =>
      evaluate(given, withSize(command.optsWithGlobals<EvaluateOptions>()), io),
    );
}

async function evaluate(given: string, options: EvaluateOptions, io: CliIo): Promise<void> {
  requireOneOf(options);
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
  const folders = [model.place, ...(reference ? [reference.place] : [])];
  const { threads: _, json: __, debug: ___, images, shard, merge, ...measured } = options;
  const made = {
    ...measured,
    prompts: subjects,
    ...(pictures.hashes.length > 0 && { pictures: pictures.hashes }),
  };
  const total = images ?? subjects.length;
  const state = await evaluationState(out, { folders, options: made });
  const sharded = (shard || merge) && {
    fingerprint: await evaluationFingerprint(folders, { ...made, out: undefined }),
    total,
  };
  const files = merge === true ? await shardPlaces(out) : merge?.map((file) => resolve(io.cwd, file));
  const summary = await withRuntime(threadsOf(options.threads), async (runtime) => {
    const opened: { dispose(): Promise<void> }[] = [];
    const keep = <T extends { dispose(): Promise<void> }>(part: T): T => {
      opened.push(part);
      return part;
    };
    try {
      const known =
        options.scorer === undefined ? NO_SCORER : await openScorer(options.scorer, runtime, io.cwd);
      if (known.scorer) keep(known.scorer);
      if (sharded && files) {
        const evaluation = new Evaluation(known.reference);
        for (const each of await mergeEvaluationShards(files, sharded)) evaluation.addMeasures(each);
        return evaluation.summary();
      }
      const own = promptOptionsOf(options);
      const generator = keep(
        await openGenerator(model, runtime, { prompts: own, size: options, ...decoderOptionsOf(options) }),
      );
      const like = { ...(await promptsOfBundle(model)), ...own };
      const compared = reference && keep(await openGenerator(reference, runtime, { prompts: like }));
      const given = await readPictures(pictures, options, generator);
      const request = { generator, reference: compared, known, subjects, options, given, progress, io };
      if (sharded && shard) {
        const file = shardPlace(out, shard);
        await evaluateShard(
          request,
          imagesOfShard(shard, total),
          await openEvaluationShard(file, shard, sharded),
        );
        return undefined;
      }
      return await evaluateImages({ ...request, state });
    } finally {
      progress.stop();
      for (const part of opened) await part.dispose();
    }
  });
  if (summary === undefined) return writeShard(io, shardPlace(out, shard!), options);
  const result = { model: given, comparedWith: options.reference ?? null, ...summary };
  await writeFile(nodeStorage(dirname(out)), state.name, `${JSON.stringify(result, null, 2)}\n`);
  await state.remove();
  await removeShards(files ?? []);
  if (options.json) writeJson(io, result);
  else writeLines(io.stdout, [...evaluationLines(summary), out]);
}

function writeShard(io: CliIo, file: string, { shard, json }: EvaluateOptions): void {
  if (json) writeJson(io, { shard, file });
  else writeLines(io.stdout, [`shard ${shard!.index} of ${shard!.count} is measured`, file]);
}

/** Options on how a model is read are those of the model, where the other one is a bundle. */
async function optionsFor(given: string, options: EvaluateOptions, io: CliIo): Promise<SourceOptions> {
  const isOther = options.reference !== undefined && (await isBundle(nodeStorage(resolve(io.cwd, given))));
  const { input } = options;
  return isOther ? { ...(input && { input }) } : options;
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
