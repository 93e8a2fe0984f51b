import { checkStoragePath, checkStoragePrefix, checkStorageRange, type Storage } from '@cachequant/tensor';
import { browserStorageError, missingFile } from './browser-storage-error.js';
import { OpfsWriter } from './opfs-writer.js';
import { webLock } from './web-lock.js';

/** Where files are until they are whole; a name that no path of a storage has. */
const UNFINISHED = '.unfinished';

/** Whether this browser has a file system of the page's own, and lets this page use it. */
export async function hasOpfs(): Promise<boolean> {
  try {
    await navigator.storage.getDirectory();
    return typeof FileSystemFileHandle.prototype.createWritable === 'function';
  } catch {
    return false;
  }
}

/**
 * A folder of the browser's own file system for this site (OPFS) as a storage. It stays until the visitor deletes the
 * site's data; unless `navigator.storage.persist()` was granted, the browser may delete it when the disk is full.
 *
 * @param folder a path, made when the first file is written
 */
export function opfsStorage(folder = 'cachequant'): Storage {
  const names = checkStoragePath(folder).split('/');
  const root = async (create: boolean) => descend(await navigator.storage.getDirectory(), names, create);

  const open = async (path: string) => {
    const parts = checkPath(path);
    try {
      const parent = await descend(await root(false), parts.slice(0, -1), false);
      return await (await parent.getFileHandle(parts.at(-1)!)).getFile();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw browserStorageError(error, 'open', path);
    }
  };

  return {
    async stat(path) {
      const file = await open(path);
      return file && { size: file.size };
    },

    async read(path, range) {
      const file = await open(path);
      if (file === undefined) throw missingFile('read', path);
      const { offset, length } = checkStorageRange(path, file.size, range);
      try {
        return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
      } catch (error) {
        throw browserStorageError(error, 'read', path);
      }
    },

    async create(path) {
      const parts = checkPath(path);
      try {
        const base = await root(true);
        const unfinished = await base.getDirectoryHandle(UNFINISHED, { create: true });
        const place = async () => ({
          folder: await descend(await root(true), parts.slice(0, -1), true),
          name: parts.at(-1)!,
        });
        return await OpfsWriter.open(unfinished, path, place);
      } catch (error) {
        throw browserStorageError(error, 'create', path);
      }
    },

    async list(prefix = '') {
      const parts = checkStoragePrefix(prefix).split('/').filter(Boolean);
      try {
        const paths = await listFiles(await root(false), parts);
        return paths.sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw browserStorageError(error, 'list', prefix);
      }
    },

    async remove(path) {
      const parts = checkPath(path);
      try {
        const parent = await descend(await root(false), parts.slice(0, -1), false);
        await parent.removeEntry(parts.at(-1)!, { recursive: true });
      } catch (error) {
        if (!isMissing(error)) throw browserStorageError(error, 'remove', path);
      }
    },

    async lock(name) {
      return webLock(`${folder}/${checkPath(name).join('/')}`);
    },
  };
}

function checkPath(path: string): string[] {
  const parts = checkStoragePath(path).split('/');
  if (parts[0] === UNFINISHED) throw missingFile('open', path);
  return parts;
}

async function descend(
  folder: FileSystemDirectoryHandle,
  names: readonly string[],
  create: boolean,
): Promise<FileSystemDirectoryHandle> {
  let found = folder;
  for (const name of names) found = await found.getDirectoryHandle(name, { create });
  return found;
}

async function listFiles(root: FileSystemDirectoryHandle, parts: readonly string[]): Promise<string[]> {
  const parent = await descend(root, parts.slice(0, -1), false);
  const last = parts.at(-1);
  if (last === undefined) return walk(root, '');
  for await (const [name, handle] of parent.entries()) {
    if (name !== last) continue;
    const path = parts.join('/');
    return handle.kind === 'file' ? [path] : walk(handle as FileSystemDirectoryHandle, `${path}/`);
  }
  return [];
}

async function walk(folder: FileSystemDirectoryHandle, prefix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const [name, handle] of folder.entries()) {
    if (prefix === '' && name === UNFINISHED) continue;
    if (handle.kind === 'file') paths.push(prefix + name);
    else paths.push(...(await walk(handle as FileSystemDirectoryHandle, `${prefix}${name}/`)));
  }
  return paths;
}

function isMissing(error: unknown): boolean {
  const name = error instanceof DOMException ? error.name : '';
  return name === 'NotFoundError' || name === 'TypeMismatchError';
}
