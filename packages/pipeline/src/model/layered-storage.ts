import { type ByteSource, checkStorageRange, type Storage } from '@cachequant/tensor';
import { hashFile } from '../bundle/fingerprint.js';

/** A file that is not there under its name. */
export type VirtualFile = (
  | { readonly make: () => Promise<Uint8Array> }
  /** Read in ranges, so that it is never whole in memory; undefined where it turns out that there is none. */
  | { readonly open: () => Promise<ByteSource | undefined> }
  /** Another file of the storage. */
  | { readonly target: string }
) & {
  /** Whether `list` leaves it out. */
  readonly unlisted?: boolean;
};

/**
 * A storage with further files in front of its own; writing and removing go to the storage itself.
 * @param shows which of the storage's own files are listed; all unless given
 */
export function layeredStorage(
  base: Storage,
  files: ReadonlyMap<string, VirtualFile>,
  shows: (path: string) => boolean = () => true,
): Storage {
  const inBase = (path: string): string => {
    const file = files.get(path);
    return file && 'target' in file ? file.target : path;
  };
  const opened = async (path: string): Promise<ByteSource | 'none' | undefined> => {
    const file = files.get(path);
    if (file === undefined || 'target' in file) return undefined;
    if ('open' in file) return (await file.open()) ?? 'none';
    const bytes = await file.make();
    return {
      name: path,
      size: bytes.byteLength,
      read: async (offset, length) => bytes.slice(offset, offset + length),
    };
  };
  const isReal = (path: string): boolean => 'target' in (files.get(path) ?? { target: path });
  const listed = [...files].flatMap(([path, { unlisted }]) => (unlisted ? [] : path));
  const layered: Storage = {
    async stat(path) {
      const source = await opened(path);
      if (source === 'none') return undefined;
      return source === undefined ? base.stat(inBase(path)) : { size: source.size };
    },
    async read(path, range) {
      const source = await opened(path);
      if (source === undefined || source === 'none') return base.read(inBase(path), range);
      const { offset, length } = checkStorageRange(path, source.size, range);
      return source.read(offset, length);
    },
    async list(prefix = '') {
      const inside = (path: string) => prefix === '' || path === prefix || path.startsWith(folder(prefix));
      const own = (await base.list(prefix)).filter(shows);
      return [...new Set([...own, ...listed.filter(inside)])].sort();
    },
    create: (path) => base.create(path),
    remove: (path) => base.remove(path),
    lock: (name) => base.lock(name),
    ...(base.locate && {
      locate: (path: string) => (isReal(path) ? base.locate!(inBase(path)) : undefined),
    }),
  };
  if (!base.hash) return layered;
  const hash = (path: string) => (isReal(path) ? base.hash!(inBase(path)) : hashFile(layered, path));
  return { ...layered, hash };
}

function folder(prefix: string): string {
  return prefix.endsWith('/') ? prefix : `${prefix}/`;
}
