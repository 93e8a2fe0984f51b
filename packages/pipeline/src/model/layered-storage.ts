import { CacheQuantError, type Storage } from '@cachequant/tensor';

/** A file that is not there under this name: made when it is asked for, or another one of the storage. */
export type VirtualFile = { readonly make: () => Promise<Uint8Array> } | { readonly target: string };

/**
 * A storage with further files in front of its own; writing and removing go to the storage itself.
 * @param hidden folders whose files are not listed, since they are there under other names
 */
export function layeredStorage(
  base: Storage,
  files: ReadonlyMap<string, VirtualFile>,
  hidden: readonly string[] = [],
): Storage {
  const inBase = (path: string): string => {
    const file = files.get(path);
    return file && 'target' in file ? file.target : path;
  };
  const made = async (path: string): Promise<Uint8Array | undefined> => {
    const file = files.get(path);
    return file && 'make' in file ? file.make() : undefined;
  };
  const isMade = (path: string): boolean => 'make' in (files.get(path) ?? {});
  return {
    async stat(path) {
      const bytes = await made(path);
      return bytes === undefined ? base.stat(inBase(path)) : { size: bytes.byteLength };
    },
    async read(path, range) {
      const bytes = await made(path);
      if (bytes === undefined) return base.read(inBase(path), range);
      if (range === undefined) return bytes.slice();
      const { offset, length } = range;
      const part = bytes.slice(offset, offset + length);
      if (part.byteLength === length) return part;
      throw new CacheQuantError('storage', 'the file is shorter than the range', {
        where: path,
        expected: `${offset + length} bytes`,
        got: `${bytes.byteLength}`,
      });
    },
    async list(prefix = '') {
      const inside = (path: string) => prefix === '' || path === prefix || path.startsWith(folder(prefix));
      const shown = (path: string) => !hidden.some((name) => path.startsWith(folder(name)));
      const own = (await base.list(prefix)).filter(shown);
      return [...new Set([...own, ...[...files.keys()].filter(inside)])].sort();
    },
    create: (path) => base.create(path),
    remove: (path) => base.remove(path),
    lock: (name) => base.lock(name),
    ...(base.locate && {
      locate: (path: string) => (isMade(path) ? undefined : base.locate!(inBase(path))),
    }),
  };
}

function folder(prefix: string): string {
  return prefix.endsWith('/') ? prefix : `${prefix}/`;
}
