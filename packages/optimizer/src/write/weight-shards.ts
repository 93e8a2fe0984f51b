import type { WeightData } from '@cachequant/onnx';
import { CacheQuantError, type Storage } from '@cachequant/tensor';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** A part of a file of weights that is a file of its own. */
export interface WeightShard {
  readonly location: string;
  readonly start: number;
  readonly end: number;
}

export interface ShardRequest {
  /** Bytes of a file at most; left out: one file. */
  readonly shardBytes?: number | undefined;
  /** Of the file to cut. */
  readonly size: number;
  /** Places of all weights in it, of every graph. */
  readonly weights: readonly { readonly offset: number; readonly length: number }[];
}

/**
 * Cuts a file of weights between weights, so that no part is larger than a host allows.
 * @throws CacheQuantError `invalid-argument` for a weight that is larger than that itself
 */
export function planShards({ shardBytes, size, weights }: ShardRequest): WeightShard[] {
  const most = shardBytes ?? Number.POSITIVE_INFINITY;
  const cuts = [{ start: 0, end: size }];
  for (const { offset, length } of [...weights].sort((a, b) => a.offset - b.offset)) {
    if (length > most) throw tooLarge(length, most);
    const last = cuts.at(-1)!;
    if (offset + length - last.start <= most) {
      last.end = offset + length;
      continue;
    }
    cuts.push({ start: offset, end: offset + length });
  }
  if (shardBytes === undefined) return [{ location: 'weights.bin', start: 0, end: size }];
  return cuts.map((cut, i) => ({ ...cut, location: `weights-${i + 1}-of-${cuts.length}.bin` }));
}

/** Where a weight of the file that was cut lies now. */
export function placeInShards(
  shards: readonly WeightShard[],
  { offset, length }: { readonly offset: number; readonly length: number },
): Extract<WeightData, { kind: 'external' }> {
  const shard = shards.findLast(({ start }) => start <= offset)!;
  return { kind: 'external', location: shard.location, offset: offset - shard.start, length };
}

/** Writes the parts of a file into a folder. */
export async function writeShards(
  from: Storage,
  path: string,
  shards: readonly WeightShard[],
  to: Storage,
  folder: string,
): Promise<void> {
  for (const { location, start, end } of shards) {
    const writer = await to.create(`${folder}/${location}`);
    try {
      for (let offset = start; offset < end; offset += CHUNK_BYTES) {
        await writer.write(await from.read(path, { offset, length: Math.min(CHUNK_BYTES, end - offset) }));
      }
      await writer.commit();
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }
}

function tooLarge(length: number, most: number): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'a weight is larger than a shard may be', {
    where: 'shardBytes',
    expected: `at least ${length} bytes`,
    got: `${most} bytes`,
    hint: 'A weight is never divided: allow larger files.',
  });
}
