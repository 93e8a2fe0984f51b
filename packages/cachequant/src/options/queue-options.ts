import { resolve } from 'node:path';
import type { PictureArchive } from '@cachequant/queue';
import { nodeStorage } from '@cachequant/runtime-node';
import { Option } from 'commander';
import { requireWritableFolder } from './output-folder.js';
import { UsageError } from './usage-error.js';

/** Options of the commands that work over a queue. */
export interface QueueOptions {
  readonly queue?: string;
  readonly pictures?: string;
}

/** `--queue`. */
export function queueOption(): Option {
  return new Option('--queue <url>', 'Valkey or Redis between fronts and workers, as in redis://host:6379');
}

/** `--pictures`. */
export function picturesOption(): Option {
  return new Option(
    '--pictures <place>',
    'where workers put pictures: a folder that all machines share, or s3://bucket/prefix',
  );
}

/** Both, for processes that an environment sets up: an address may have a password in it. */
export function queueOptionsOfEnvironment(): readonly [queue: Option, pictures: Option] {
  return [queueOption().env('CACHEQUANT_QUEUE'), picturesOption().env('CACHEQUANT_PICTURES')];
}

/** @throws UsageError when one of the two is missing */
export function requireQueueOptions({ queue, pictures }: QueueOptions): { queue: string; pictures: string } {
  if (queue === undefined) throw new UsageError("option '--queue <url>' is missing");
  if (pictures === undefined) throw new UsageError("option '--pictures <place>' is missing beside --queue");
  return { queue, pictures };
}

/**
 * Opens the place of the pictures.
 * @throws UsageError for a form that is none, CacheQuantError `storage` for a folder that cannot be written
 */
export async function openArchive(place: string, cwd: string): Promise<PictureArchive> {
  const { folderArchive, s3Archive } = await import('@cachequant/queue');
  if (/^[a-z0-9]+:\/\//i.test(place)) {
    const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/i.exec(place) ?? [];
    if (bucket === undefined) throw new UsageError('--pictures takes a folder or s3://bucket/prefix');
    return s3Archive({ bucket, prefix });
  }
  const folder = resolve(cwd, place);
  await requireWritableFolder(folder, `--pictures ${place}`);
  return folderArchive(nodeStorage(folder));
}
