import { CacheQuantError } from './errors.js';
import type { Storage } from './storage.js';

/**
 * A folder of a storage as a storage of its own.
 * @throws CacheQuantError `storage` from its methods for paths that leave the folder
 */
export function storageFolder(storage: Storage, folder: string): Storage {
  const inside = (path: string) => `${folder}/${checkPath(path)}`;
  return {
    stat: async (path) => storage.stat(inside(path)),
    read: async (path, range) => storage.read(inside(path), range),
    create: async (path) => storage.create(inside(path)),
    async list(prefix = '') {
      const paths = await storage.list(prefix === '' ? folder : inside(prefix.replace(/\/$/, '')));
      return paths.map((path) => path.slice(folder.length + 1));
    },
    remove: async (path) => storage.remove(inside(path)),
    lock: async (name) => storage.lock(inside(name)),
    ...(storage.hash && { hash: async (path: string) => storage.hash!(inside(path)) }),
    ...(storage.locate && { locate: (path: string) => storage.locate!(inside(path)) }),
  };
}

/** What the storage around it cannot see: parts that lead out of the folder, but not out of the storage. */
function checkPath(path: string): string {
  const clean = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (clean && !/^[A-Za-z]:/.test(path)) return path;
  throw new CacheQuantError('storage', 'this is not a path inside the folder', {
    where: 'path',
    got: JSON.stringify(path),
  });
}
