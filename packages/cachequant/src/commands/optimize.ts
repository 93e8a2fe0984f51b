import { join, resolve } from 'node:path';
import {
  type CalibrationFeeds,
  type ControlImages,
  type DecisionRecord,
  estimateOptimization,
  type OptimizeOptions,
  type OptimizeRequest,
  observeShard,
  optimize,
  parseDecisionRecord,
  type Shard,
} from '@cachequant/optimizer';
import { isBundle, openModelFolder } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Runtime } from '@cachequant/tensor';
import type { Command } from 'commander';
import {
  abandonPlace,
  type BundlePlace,
  bundlePlace,
  checkPlace,
  commitPlace,
  lockPlace,
  lockWork,
  openPlace,
  removeWorkPlace,
} from '../bundle/bundle-place.js';
import { compareSizes } from '../bundle/folder-sizes.js';
import { describeMachine, usedVersions } from '../bundle/machine.js';
import { reportDataOf } from '../bundle/report-data-of.js';
import { REPORT_PAGE, writeReport } from '../bundle/report-file.js';
import { examples } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import {
  calibrationFeeds,
  firstArrays,
  readCalibrationArchives,
} from '../model-sources/calibration-archives.js';
import { openWholeModel } from '../model-sources/open-model.js';
import type { OpenedModelSource } from '../model-sources/open-model-source.js';
import { addSourceOptions, MODEL_KINDS } from '../model-sources/source-options.js';
import { addOptimizeOptions, libraryOptions, type OptimizeArguments } from '../options/optimize-options.js';
import { readTextFile } from '../options/read-file.js';
import { requireOneOf, shardPlace, shardPlaces } from '../options/shards.js';
import { openControlImages } from '../pictures/control-images.js';
import { type Optimized, optimizedLines, planLines } from '../print/print-optimization.js';
import { createProgress, type Progress } from '../print/progress.js';
import { packageVersion } from '../version.js';
import { threadsOf, withRuntime } from '../with-runtime.js';

export function addOptimize(command: Command, io: CliIo): void {
  addOptimizeOptions(
    command
      .description(
        'Makes a bundle of a model folder: features are cached between network calls, layers run in integers, ' +
          'and the errors of both are corrected. Then bundle and model are compared on held-out prompts.\n\n' +
          'Ctrl-C stops it; the same command resumes where it stopped.',
      )
      .argument('<model>', MODEL_KINDS)
      .requiredOption(
        '--out <bundle>',
        'the folder to make; an existing bundle is replaced once the new one is complete',
      ),
  );
  addSourceOptions(command)
    .addHelpText(
      'after',
      examples([
        ['optimize ./my-model --out ./my-bundle --dry-run', 'what would it take?'],
        ['optimize ./my-model --out ./my-bundle', 'the defaults'],
        [
          'optimize ./my-model --out ./my-bundle --effort thorough --interval 3',
          'closer to the original, slower',
        ],
        ['optimize ./my-model --out ./my-bundle --prompts prompts.txt --steps 30', 'as you will use it'],
        [
          'optimize ./my-model --controlnet ./canny --control-image ./edges --out ./my-bundle',
          'with a ControlNet, calibrated on a folder of edges',
        ],
        ['optimize ./my-model --out ./my-bundle --bits none', 'the cache alone, all in float'],
        ['optimize ./my-model --out ./my-bundle --shard 2/4', 'calibrate on several machines …'],
        ['optimize ./my-model --out ./my-bundle --merge', '… and go on from all of them'],
        ['optimize ./my-model --out ./again --plan ./my-bundle/plan.json', 'the same denoiser, anywhere'],
      ]),
    )
    .action((given: string, _: unknown, command: Command) =>
      optimizeCommand(given, command.optsWithGlobals<OptimizeArguments>(), io),
    );
}

/** What a run of the command works with. */
interface Job {
  readonly source: OpenedModelSource;
  readonly place: BundlePlace;
  readonly options: OptimizeOptions;
  readonly plan: DecisionRecord | undefined;
  readonly controlImages: ControlImages | undefined;
  /** What calibration images are conditioned on. */
  readonly feeds: CalibrationFeeds | undefined;
  /** Work folders to merge. */
  readonly shards: readonly string[] | undefined;
  readonly given: OptimizeArguments;
  readonly io: CliIo;
}

async function optimizeCommand(given: string, args: OptimizeArguments, io: CliIo): Promise<void> {
  const archives =
    args.calibration === undefined
      ? undefined
      : await readCalibrationArchives(resolve(io.cwd, args.calibration));
  const progress = createProgress(io.stderr);
  const source = await openWholeModel(given, args, io, progress, archives && firstArrays(archives));
  await requireModel(source);
  requireOneOf(args);
  const whole = bundlePlace(
    resolve(io.cwd, args.out),
    args.work === undefined ? undefined : resolve(io.cwd, args.work),
  );
  const place = args.shard ? { ...whole, work: shardPlace(whole.work, args.shard) } : whole;
  await checkPlace(place, source.place);
  const options = {
    ...(archives && { calibrationImages: calibratedImages(archives.files.length) }),
    ...(await libraryOptions(args, io.cwd)),
  };
  const shards = await shardFolders(args, place, io.cwd);
  const job: Job = {
    source,
    place,
    options,
    plan: await readPlan(args.plan, io.cwd),
    controlImages: await openControlImages(args.controlImage, io.cwd),
    feeds: archives && calibrationFeeds(archives),
    shards,
    given: args,
    io,
  };
  if (args.dryRun) await dryRun(job);
  else await (args.shard ? makeShard(job, args.shard) : makeBundle(job));
}

/** Files that calibration sees where every fourth is kept for the verification. */
function calibratedImages(files: number): number {
  return Math.min(files < 4 ? files : files - Math.floor(files / 4), 1024);
}

async function shardFolders(
  { merge }: OptimizeArguments,
  { work }: BundlePlace,
  cwd: string,
): Promise<readonly string[] | undefined> {
  if (!merge) return undefined;
  return merge === true ? shardPlaces(work) : merge.map((folder) => resolve(cwd, folder));
}

/** Observes a shard into a work folder of its own; no bundle is made, and other shards may run at the same time. */
async function makeShard(
  { source, place, options, plan, feeds, controlImages, given, io }: Job,
  shard: Shard,
): Promise<void> {
  const lock = await lockWork(place);
  const progress = createProgress(io.stderr);
  try {
    const observed = await withRuntime(threadsOf(given.threads), (runtime) =>
      observeShard({
        source: source.storage,
        work: nodeStorage(place.work),
        runtime,
        options,
        shard,
        ...(plan && { plan }),
        ...(controlImages && { controlImages }),
        ...(feeds && { feeds }),
        ...watchers(progress),
        ...(io.signal && { signal: io.signal }),
      }),
    );
    progress.stop();
    const { index, count, images } = observed;
    if (given.json) writeJson(io, { ...observed, work: place.work });
    else writeLines(io.stdout, [`shard ${index} of ${count}: ${images.length} images observed`, place.work]);
  } finally {
    progress.stop();
    await lock.release();
  }
}

function watchers(progress: Progress): Pick<OptimizeRequest, 'onStage' | 'onWarning' | 'onProgress'> {
  return {
    onStage: ({ label }, reused) => progress.note(reused ? `${label}: done before` : label),
    onWarning: (warning) => progress.note(`warning: ${warning}`),
    onProgress: ({ stage, done, total }) => progress.update(stage.label, done, total),
  };
}

async function readPlan(path: string | undefined, cwd: string): Promise<DecisionRecord | undefined> {
  if (path === undefined) return undefined;
  return parseDecisionRecord(await readTextFile(resolve(cwd, path)), path);
}

async function requireModel({ storage, given }: OpenedModelSource): Promise<void> {
  if (await isBundle(storage)) {
    throw new CacheQuantError('invalid-argument', 'this is a bundle already', {
      where: given,
      expected: 'the model folder that it was made of',
    });
  }
  await openModelFolder(storage);
}

async function dryRun({ source, options, plan, feeds, controlImages, given, io }: Job): Promise<void> {
  const estimate = await withRuntime(threadsOf(given.threads), (runtime) =>
    estimateOptimization({
      source: source.storage,
      runtime,
      options,
      ...(plan && { plan }),
      ...(controlImages && { controlImages }),
      ...(feeds && { feeds }),
      ...(io.signal && { signal: io.signal }),
    }),
  );
  if (given.json) writeJson(io, estimate);
  else writeLines(io.stdout, planLines(estimate));
}

async function makeBundle(job: Job): Promise<void> {
  const lock = await lockPlace(job.place);
  try {
    // Once more, now that nobody else works there.
    await checkPlace(job.place, job.source.place);
    await makeLocked(job);
  } finally {
    await lock.release();
  }
}

async function makeLocked(job: Job): Promise<void> {
  const { place, given, io } = job;
  const progress = createProgress(io.stderr);
  await openPlace(place);
  try {
    const made = await withRuntime(threadsOf(given.threads), (runtime) =>
      optimizeInto(job, runtime, progress),
    );
    progress.stop();
    const left = await commitPlace(place);
    if (left !== undefined) progress.note(`Files that are not of the older bundle are in ${left}.`);
    if (!given.keepWork) await removeWork(job);
    if (given.json) writeJson(io, made);
    else writeLines(io.stdout, optimizedLines(made));
  } catch (error) {
    progress.stop();
    await abandonPlace(place);
    if (CacheQuantError.is(error) && error.code === 'aborted') {
      progress.note(`Finished stages are in ${place.work}: run the same command again to go on from there.`);
    }
    throw error;
  }
}

async function removeWork({ place, shards = [] }: Job): Promise<void> {
  for (const work of [place.work, ...shards]) await removeWorkPlace({ ...place, work });
}

async function optimizeInto(
  { source, place, options, plan, feeds, controlImages, shards, given, io }: Job,
  runtime: Runtime,
  progress: Progress,
): Promise<Optimized> {
  const partial = nodeStorage(place.partial);
  const summary = await optimize({
    source: source.storage,
    work: nodeStorage(place.work),
    out: partial,
    runtime,
    options,
    ...(plan && { plan }),
    ...(controlImages && { controlImages }),
    ...(feeds && { feeds }),
    ...(given.shardSize !== undefined && { shardBytes: Math.floor(given.shardSize * 1e6) }),
    sourceName: source.origin.name,
    origin: source.origin,
    createdBy: `cachequant ${packageVersion()}`,
    ...(shards && { shards: shards.map((folder) => nodeStorage(folder)) }),
    ...watchers(progress),
    ...(io.signal && { signal: io.signal }),
  });
  const { denoiser, storage } = await openModelFolder(source.storage);
  const sizes = {
    ...(await compareSizes(storage, denoiser.model, partial)),
    // A file of weights holds other parts as well.
    sourceDenoiser: summary.manifest.source.denoiserBytes,
  };
  const context = {
    title: source.origin.name,
    machine: describeMachine(runtime),
    versions: usedVersions(runtime),
    sizes,
  };
  await writeReport(partial, reportDataOf(summary, context));
  const { manifest, verification, operatingPoints, warnings } = summary;
  return {
    bundle: place.out,
    report: join(place.out, REPORT_PAGE),
    sizes,
    manifest,
    verification,
    warnings,
    ...(operatingPoints && { operatingPoints }),
  };
}
