import type { Storage } from '@cachequant/tensor';
import type { BundleManifest } from './manifest.js';

/** The files of a storage that a manifest lists, and no others: what is not checked is not there. */
export function listedStorage(storage: Storage, { files }: Pick<BundleManifest, 'files'>): Storage {
  const isListed = (path: string) => Object.hasOwn(files, path);
  return {
    stat: async (path) => (isListed(path) ? storage.stat(path) : undefined),
    // An unlisted path is refused as a missing one, by the storage's own error.
    read: async (path, range) => storage.read(isListed(path) ? path : `${path}/unlisted`, range),
    list: async (prefix) => (await storage.list(prefix)).filter(isListed),
    create: (path) => storage.create(path),
    remove: (path) => storage.remove(path),
    lock: (name) => storage.lock(name),
    ...(storage.locate && { locate: (path: string) => storage.locate!(path) }),
    ...(storage.hash && { hash: (path: string) => storage.hash!(path) }),
  };
}
