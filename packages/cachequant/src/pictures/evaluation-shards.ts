import { basename, dirname } from 'node:path';
import type { ImageMeasures } from '@cachequant/evaluate';
import type { Shard } from '@cachequant/optimizer';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, parseJson, readText, writeFile } from '@cachequant/tensor';

/** What a shard of an evaluation has measured: a file beside the result. */
interface SavedShard {
  readonly fingerprint: string;
  readonly shard: Shard;
  /** Images of all shards. */
  readonly total: number;
  /** By their numbers. */
  readonly images: readonly (readonly [image: number, measures: ImageMeasures])[];
}

/** What all shards of an evaluation must have in common. */
export interface ShardedEvaluation {
  readonly fingerprint: string;
  readonly total: number;
}

/** A shard's file, which is read at first: one that was stopped goes on from what it has. */
export interface EvaluationShard {
  readonly images: ReadonlyMap<number, ImageMeasures>;
  add(image: number, measures: ImageMeasures): void;
  save(): Promise<void>;
}

/** @throws CacheQuantError `storage` for a file that no evaluation has left there */
export async function openEvaluationShard(
  file: string,
  shard: Shard,
  { fingerprint, total }: ShardedEvaluation,
): Promise<EvaluationShard> {
  const storage = nodeStorage(dirname(file));
  const name = basename(file);
  const found = (await storage.stat(name)) ? await readShard(file) : undefined;
  const goesOn = found?.fingerprint === fingerprint && found.total === total;
  const images = new Map(goesOn ? found.images : []);
  return {
    images,
    add: (image, measures) => images.set(image, measures),
    save: () =>
      writeFile(
        storage,
        name,
        JSON.stringify({ fingerprint, shard, total, images: [...images] } satisfies SavedShard),
      ),
  };
}

/**
 * What shards have measured, image by image, in order.
 * @throws CacheQuantError `calibration` naming shards that are missing, are there twice, are not finished, or measured
 * something else
 */
export async function mergeEvaluationShards(
  files: readonly string[],
  { fingerprint, total }: ShardedEvaluation,
): Promise<ImageMeasures[]> {
  const byIndex = new Map<number, { readonly file: string; readonly saved: SavedShard }>();
  let count = 0;
  for (const file of files) {
    const saved = await readShard(file);
    const { shard } = saved;
    const name = `shard ${shard.index} of ${shard.count} in ${file}`;
    if (saved.fingerprint !== fingerprint || saved.total !== total) {
      throw refused(
        'a shard is of another evaluation',
        name,
        'the same models, options and number of images',
      );
    }
    count ||= shard.count;
    if (shard.count !== count) throw refused('shards are of different numbers', name, `shards of ${count}`);
    const other = byIndex.get(shard.index);
    if (other) throw refused('a shard is there twice', `${name}, and ${other.file}`, 'each shard once');
    byIndex.set(shard.index, { file, saved });
  }
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !byIndex.has(index));
  if (count === 0) throw refused('shards are missing', 'none', 'finished shards');
  if (missing.length > 0) {
    const names = missing.map((index) => `${index} of ${count}`).join(', ');
    throw refused('shards are missing', `no shard ${names}`, `${count} shards`);
  }
  const all = new Map([...byIndex.values()].flatMap(({ saved }) => saved.images));
  return Array.from({ length: total }, (_, image) => {
    const measures = all.get(image);
    if (measures) return measures;
    const { file } = byIndex.get((image % count) + 1)!;
    throw refused('a shard is not finished', `no image ${image} in ${file}`, 'a shard that ended');
  });
}

async function readShard(file: string): Promise<SavedShard> {
  const text = await readText(nodeStorage(dirname(file)), basename(file));
  const saved = parsed(text);
  const whole = typeof saved?.fingerprint === 'string' && typeof saved.shard?.index === 'number';
  if (saved && whole && typeof saved.shard.count === 'number' && Array.isArray(saved.images)) return saved;
  throw new CacheQuantError('storage', 'the file is not one that a shard of an evaluation has left there', {
    where: file,
    hint: 'Nothing was changed. Give the result another name with --out, or move the file',
  });
}

function parsed(text: string): SavedShard | undefined {
  try {
    return parseJson(text, 'shard') as SavedShard;
  } catch {
    return undefined;
  }
}

function refused(summary: string, got: string, expected: string): CacheQuantError {
  return new CacheQuantError('calibration', summary, {
    where: 'shards',
    expected,
    got,
    hint: 'Each shard i/n of the same n has to be measured once, with the same options.',
  });
}

/** Removes the files of shards that were merged. */
export async function removeShards(files: readonly string[]): Promise<void> {
  for (const file of files) await nodeStorage(dirname(file)).remove(basename(file));
}
