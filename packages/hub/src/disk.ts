import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CacheQuantError } from '@cachequant/tensor';
import type { ModelCache } from './cache.js';
import type { HubFile } from './repository-files.js';

/**
 * Checks that what is still to come fits on the disk, where the system says how much is free.
 * @throws CacheQuantError `storage`
 */
export async function checkSpace(cache: ModelCache, files: readonly HubFile[]): Promise<void> {
  const blobs = new Map(files.map(({ hash, size }) => [hash, size]));
  let missing = 0;
  for (const [hash, size] of blobs) {
    const there = (await sizeOf(cache.blob(hash))) ?? (await sizeOf(`${cache.blob(hash)}.incomplete`)) ?? 0;
    missing += Math.max(0, size - there);
  }
  const free = await freeBytes(cache.folder);
  if (free === undefined || missing <= free) return;
  throw new CacheQuantError('storage', 'the model does not fit on the disk of the cache', {
    where: cache.folder,
    expected: `${missing} free bytes`,
    got: `${free}`,
    hint: 'Free some space, or choose a folder on another disk with HF_HUB_CACHE',
  });
}

/** Runs what writes into the cache, and turns errors of the file system into ones that say what to do. */
export async function onDisk<T>(cache: ModelCache, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (CacheQuantError.is(error) || code === undefined || syscall === undefined) throw error;
    throw new CacheQuantError('storage', 'the cache cannot be written', {
      where: cache.folder,
      got: `${code} (${syscall})`,
      hint: 'Free some space or give this user the right to write there, or choose another folder with HF_HUB_CACHE',
      cause: error,
    });
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

/** Of the disk that a folder is on, or will be once it is made. */
async function freeBytes(folder: string): Promise<number | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  if (found !== undefined) return found.bavail * found.bsize;
  return dirname(folder) === folder ? undefined : freeBytes(dirname(folder));
}
