import type { Storage } from '@cachequant/tensor';

/** The files of `base`, with those of `top` in place of files of the same name; read only in effect. */
export function overlayStorage(base: Storage, top: Storage): Storage {
  const holder = async (path: string) => ((await top.stat(path)) ? top : base);
  return {
    stat: async (path) => (await holder(path)).stat(path),
    read: async (path, range) => (await holder(path)).read(path, range),
    list: async (prefix) => [...new Set([...(await base.list(prefix)), ...(await top.list(prefix))])].sort(),
    create: (path) => top.create(path),
    remove: (path) => top.remove(path),
    lock: (name) => top.lock(name),
  };
}
