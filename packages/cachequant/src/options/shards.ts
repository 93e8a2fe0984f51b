import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Shard } from '@cachequant/optimizer';
import { CacheQuantError } from '@cachequant/tensor';
import { InvalidArgumentError } from 'commander';

/** What `--shard` and `--merge` say; `true` takes the shards that lie beside the result. */
export interface ShardArguments {
  readonly shard?: Shard;
  readonly merge?: true | readonly string[];
}

/** `2/4` as a shard. */
export function shardOf(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index >= 1 && shard.index <= shard.count) return shard;
  throw new InvalidArgumentError('Expected i/n with i from 1 to n, such as 2/4.');
}

/** @throws CacheQuantError `invalid-argument` */
export function requireOneOf({ shard, merge }: ShardArguments): void {
  if (!shard || !merge) return;
  throw new CacheQuantError('invalid-argument', 'give either --shard or --merge', {
    where: '--merge',
    hint: 'Run every shard first; then the same command with --merge.',
  });
}

/** Where what a shard leaves lies: beside the result, under its name. */
export function shardPlace(path: string, { index, count }: Shard): string {
  return `${path}.shard-${index}-of-${count}`;
}

/** The places of shards that lie beside a result, in order. */
export async function shardPlaces(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.shard-`;
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+-of-\d+$/.test(name.slice(prefix.length)))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((name) => join(dirname(path), name));
}
