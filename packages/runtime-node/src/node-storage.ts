import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkStoragePrefix, type FileStat, type Storage } from '@cachequant/tensor';
import { lockFile } from './file-lock.js';
import { FileWriter } from './file-writer.js';
import { hashFile } from './hash-file.js';
import { leadsOutside, linkTarget, refuseLinkedFolders } from './links.js';
import { listFiles } from './list-files.js';
import { readRange } from './read-range.js';
import { storageError } from './storage-error.js';
import { checkPath } from './storage-path.js';
import { temporaryName } from './temporary-name.js';

/**
 * A folder as a storage. Files are written beside their place, flushed to the disk and renamed, so that
 * neither a crash nor a full disk leaves half a file under its name.
 *
 * @param root made at the first write when it does not exist
 */
export function nodeStorage(root: string): Storage {
  const base = resolve(root);
  const locate = (path: string) => join(base, ...checkPath(path).split('/'));
  return {
    locate,

    async stat(path) {
      const place = locate(path);
      return attempt('stat', place, () => describeFile(base, place));
    },

    async read(path, range) {
      const place = locate(path);
      return attempt('read', place, () => readRange(place, range));
    },

    async create(path) {
      const place = locate(path);
      return attempt('create', place, async () => {
        await refuseLinkedFolders(base, path, 'create');
        await mkdir(dirname(place), { recursive: true });
        const temporary = temporaryName(place);
        return new FileWriter(await open(temporary, 'wx'), temporary, place);
      });
    },

    async list(prefix = '') {
      const folder = checkStoragePrefix(prefix);
      const place = folder === '' ? base : locate(folder);
      return attempt('list', place, () => listFiles(place, folder));
    },

    async remove(path) {
      const place = locate(path);
      await attempt('remove', place, async () => {
        await refuseLinkedFolders(base, path, 'remove');
        await rm(place, { recursive: true, force: true });
      });
    },

    async lock(name) {
      const place = locate(name);
      return attempt('lock', place, async () => {
        await refuseLinkedFolders(base, name, 'lock');
        return lockFile(place);
      });
    },

    async hash(path) {
      const place = locate(path);
      return attempt('read', place, () => hashFile(place));
    },
  };
}

async function attempt<T>(where: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storageError(error, where, path);
  }
}

async function describeFile(base: string, place: string): Promise<FileStat | undefined> {
  const found = await statOrNothing(place);
  if (!found?.isFile()) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  const target = await linkTarget(base, place);
  return {
    size: Number(size),
    version: [dev, ino, size, mtimeNs, ctimeNs].join('-'),
    ...((await leadsOutside(base, place)) && { outside: true }),
    ...(target !== undefined && { target }),
  };
}

async function statOrNothing(path: string) {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
