import { loadArtifact, saveArtifact } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Storage, throwIfAborted } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { copyFile } from '../work/copy-file.js';
import { namedStage, type Shard } from '../work/stage.js';
import { type SavedStage, type StageRunner, stageFile } from '../work/stage-runner.js';
import { type ObservedGraph, observeImages } from './observe-full.js';
import { type FullObservation, ObservationSums, type ObservedImage } from './observed-image.js';

/** What a shard leaves in its work folder, beside a file for each of its images. */
export interface ObservedShard extends Shard {
  /** Numbers of its calibration images, ascending. */
  readonly images: readonly number[];
}

/**
 * The images of a shard out of so many.
 * @throws CacheQuantError `invalid-argument` for a shard that cannot be, or that would have none
 */
export function imagesOfShard({ index, count }: Shard, total: number): number[] {
  const whole = Number.isInteger(index) && Number.isInteger(count);
  if (!whole || index < 1 || index > count) {
    throw new CacheQuantError('invalid-argument', 'there is no such shard', {
      where: 'shard',
      expected: 'i/n, with i from 1 to n',
      got: `${index}/${count}`,
    });
  }
  if (count > total) {
    throw new CacheQuantError('invalid-argument', 'there are more shards than images', {
      where: 'shard',
      expected: `at most ${total}`,
      got: String(count),
      hint: 'Take fewer shards, or more images',
    });
  }
  return Array.from({ length: total }, (_, image) => image).filter((image) => image % count === index - 1);
}

/**
 * Observes the float model over the images of a shard, one file for each image: one that was stopped goes on from those
 * it has.
 */
export async function observeShardImages(
  context: CalibrationContext,
  runner: StageRunner,
  observed: ObservedGraph,
  shard: Shard,
): Promise<ObservedShard> {
  const { work } = context;
  const images = imagesOfShard(shard, context.calibration.length);
  return runner.stage({ kind: 'observe-shard', ...shard }, async () => {
    const missing: number[] = [];
    for (const image of images) {
      // An artifact is there when its JSON is, and the folder is this run's alone.
      if (!(await work.stat(`${imageFile(image)}.json`))) missing.push(image);
    }
    await observeImages(context, observed, missing, (image) =>
      saveArtifact(work, imageFile(image.image), image),
    );
    return { ...shard, images };
  });
}

/** Shards to merge, and what they must be of. */
export interface ShardsToMerge {
  readonly observed: ObservedGraph;
  readonly fingerprint: string;
  /** Their work folders, in any order. */
  readonly shards: readonly Storage[];
}

/**
 * What one run over all images would have observed, bit by bit: the images of all shards are added in their order.
 * @throws CacheQuantError `calibration` naming shards that are missing, are there twice, or are of another model, other
 * options or another version
 */
export async function mergeShards(
  context: CalibrationContext,
  { observed, fingerprint, shards }: ShardsToMerge,
): Promise<FullObservation> {
  const total = context.calibration.length;
  const places = await placesOfImages(shards, fingerprint, total);
  const sums = new ObservationSums(context.sampler.calls, observed.sites);
  context.onProgress?.(0, total);
  for (const [image, storage] of places.entries()) {
    throwIfAborted(context.signal);
    const found = await loadArtifact<ObservedImage>(storage, imageFile(image));
    if (found === undefined) throw damaged(storage, `image ${image}`);
    if (found.records) await copyTrajectory(storage, context.work, found.records.path);
    sums.add(found);
    context.onProgress?.(image + 1, total);
  }
  return sums.result();
}

async function copyTrajectory(from: Storage, to: Storage, path: string): Promise<void> {
  if ((await from.stat(path)) === undefined) throw damaged(from, path);
  await copyFile(from, path, to, path);
}

function imageFile(image: number): string {
  return `shard/image-${image}`;
}

interface FoundShard {
  readonly storage: Storage;
  readonly shard: ObservedShard;
}

/** The folder that each image was observed in. */
async function placesOfImages(
  storages: readonly Storage[],
  fingerprint: string,
  total: number,
): Promise<readonly Storage[]> {
  const found = (await Promise.all(storages.map((storage) => shardsIn(storage, fingerprint)))).flat();
  const count = found[0]?.shard.count ?? 0;
  const byIndex = new Map<number, FoundShard>();
  for (const each of found) {
    const { shard, storage } = each;
    const other = byIndex.get(shard.index);
    if (shard.count !== count) {
      throw refused('shards are of different numbers', `shards of ${count}`, nameOf(each));
    }
    if (other)
      throw refused('a shard is there twice', 'each shard once', `${nameOf(other)} and ${placeOf(storage)}`);
    byIndex.set(shard.index, each);
  }
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !byIndex.has(index));
  if (count === 0 || missing.length > 0) {
    const names = missing.map((index) => `${index} of ${count}`).join(', ');
    throw refused(
      'shards are missing',
      count === 0 ? 'finished shards' : `${count} shards`,
      names && `no shard ${names}`,
    );
  }
  return Array.from({ length: total }, (_, image) => {
    const each = byIndex.get((image % count) + 1)!;
    if (each.shard.images.includes(image)) return each.storage;
    throw damaged(each.storage, `image ${image}`);
  });
}

const SHARD_STAGE = /^stages\/observe-shard-(\d+)-of-(\d+)\.json$/;

async function shardsIn(storage: Storage, fingerprint: string): Promise<FoundShard[]> {
  const names = (await storage.list('stages')).filter((path) => SHARD_STAGE.test(path));
  if (names.length === 0) {
    throw refused('the folder holds no finished shard', 'a shard that ended', placeOf(storage));
  }
  return Promise.all(
    names.map(async (path) => ({ storage, shard: await readShard(storage, path, fingerprint) })),
  );
}

async function readShard(storage: Storage, path: string, fingerprint: string): Promise<ObservedShard> {
  const [, index, count] = SHARD_STAGE.exec(path)!;
  const shard = { index: Number(index), count: Number(count) };
  const saved = await loadArtifact<SavedStage<ObservedShard>>(
    storage,
    stageFile(namedStage({ kind: 'observe-shard', ...shard })),
  );
  if (saved === undefined) throw damaged(storage, `shard ${shard.index} of ${shard.count}`);
  if (saved.fingerprint === fingerprint) return saved.value;
  throw new CacheQuantError('calibration', 'a shard is of another optimization', {
    where: nameOf({ storage, shard: { ...shard, images: [] } }),
    expected: 'the same model, options and version as here',
    hint: 'Observe it again with the options of this run, or leave its folder out.',
  });
}

function nameOf({ shard: { index, count }, storage }: FoundShard): string {
  return `shard ${index} of ${count} in ${placeOf(storage)}`;
}

/** Where a storage is, for messages. */
function placeOf(storage: Storage): string {
  return storage.locate?.('stages')?.replace(/[\\/]stages$/, '') ?? 'a storage';
}

function refused(summary: string, expected: string, got: string): CacheQuantError {
  return new CacheQuantError('calibration', summary, {
    where: 'shards',
    expected,
    ...(got && { got }),
    hint: 'Each shard i/n of the same n has to be observed once, with the same options.',
  });
}

function damaged(storage: Storage, what: string): CacheQuantError {
  return new CacheQuantError('calibration', `a shard lacks ${what}`, {
    where: placeOf(storage),
    hint: 'Remove the folder and observe the shard again.',
  });
}
