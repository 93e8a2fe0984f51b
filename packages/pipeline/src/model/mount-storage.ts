import type { Storage } from '@cachequant/tensor';
import { keepBuiltGraphs } from './built-graphs.js';

/** The files of `base`, and in a folder of it those of another storage, in place of what lies there; to be read only. */
export function mountStorage(base: Storage, folder: string, other: Storage): Storage {
  const inside = (path: string) =>
    path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
  const holder = (path: string): [Storage, string] => {
    const own = inside(path);
    return own === undefined ? [base, path] : [other, own];
  };
  const mounted: Storage = {
    stat: async (path) => {
      const [storage, own] = holder(path);
      return storage.stat(own);
    },
    read: async (path, range) => {
      const [storage, own] = holder(path);
      return storage.read(own, range);
    },
    async list(prefix = '') {
      const wanted = prefix.replace(/\/$/, '');
      const below = inside(`${wanted}/`)?.replace(/\/$/, '');
      const named = (paths: readonly string[]) => paths.map((path) => `${folder}/${path}`);
      if (below !== undefined) return named(await other.list(below));
      const own = (await base.list(prefix)).filter((path) => inside(path) === undefined);
      return wanted === '' ? [...own, ...named(await other.list())].sort() : own;
    },
    create: (path) => base.create(path),
    remove: (path) => base.remove(path),
    lock: (name) => base.lock(name),
    locate: (path) => {
      const [storage, own] = holder(path);
      return storage.locate?.(own);
    },
  };
  return keepBuiltGraphs(base, mounted);
}
