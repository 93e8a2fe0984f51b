import type { Storage } from '@cachequant/tensor';

/**
 * A storage that shows others under folders of its own. They are read, never written, and `list` leaves them out: what
 * they hold is known to who mounts them.
 * @param mounts by the name of the folder, which `base` does not have
 */
export function mountedStorage(base: Storage, mounts: ReadonlyMap<string, Storage>): Storage {
  const resolve = (path: string): readonly [storage: Storage, path: string] => {
    const [folder = '', ...rest] = path.split('/');
    const mounted = mounts.get(folder);
    return mounted === undefined ? [base, path] : [mounted, rest.join('/')];
  };
  return {
    ...base,
    stat(path) {
      const [storage, inside] = resolve(path);
      return storage.stat(inside);
    },
    read(path, range) {
      const [storage, inside] = resolve(path);
      return storage.read(inside, range);
    },
    ...(base.locate && {
      locate: (path: string) => {
        const [storage, inside] = resolve(path);
        return storage.locate?.(inside);
      },
    }),
    ...(base.hash && {
      hash: (path: string) => {
        const [storage, inside] = resolve(path);
        return storage.hash!(inside);
      },
    }),
  };
}
