import type { Storage } from '@cachequant/tensor';
import { hashFile } from '../bundle/fingerprint.js';

/**
 * A storage that shows others under folders of its own. They are read, never written, and `list` leaves them out: what
 * they hold is known to who mounts them.
 * @param mounts by the name of the folder, in place of what `base` may have there
 */
export function mountedStorage(base: Storage, mounts: ReadonlyMap<string, Storage>): Storage {
  const holder = (path: string): readonly [storage: Storage, path: string] => {
    const [folder = '', ...rest] = path.split('/');
    const mounted = rest.length > 0 ? mounts.get(folder) : undefined;
    return mounted === undefined ? [base, path] : [mounted, rest.join('/')];
  };
  return {
    stat: async (path) => {
      const [storage, own] = holder(path);
      return storage.stat(own);
    },
    read: async (path, range) => {
      const [storage, own] = holder(path);
      return storage.read(own, range);
    },
    list: (prefix) => base.list(prefix),
    create: (path) => base.create(path),
    remove: (path) => base.remove(path),
    lock: (name) => base.lock(name),
    locate: (path) => {
      const [storage, own] = holder(path);
      return storage.locate?.(own);
    },
    hash: (path) => hashFile(...holder(path)),
  };
}
