import { CacheQuantError } from './errors.js';
import { refuseLfsPointer } from './lfs-pointer.js';
import type { Storage } from './storage.js';

/** Bytes that are read in ranges, so that a model's weights need not be in memory. */
export interface ByteSource {
  /** For messages: the file's path, or where the bytes came from. */
  readonly name: string;
  readonly size: number;
  /** The bytes of a range; fewer where the source ends before it. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/**
 * A file of a storage, read in ranges.
 * @throws CacheQuantError `storage` when there is no such file, or a pointer of Git LFS in its place
 */
export async function openSource(storage: Storage, path: string): Promise<ByteSource> {
  const stat = await storage.stat(path);
  if (stat === undefined) throw new CacheQuantError('storage', 'there is no such file', { where: path });
  await refuseLfsPointer(storage, path);
  return {
    name: path,
    size: stat.size,
    read: (offset, length) => storage.read(path, { offset, length }),
  };
}

/** Bytes in memory as a source. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/**
 * Reads a range that has to be there whole.
 * @throws CacheQuantError `storage` when a source gives fewer bytes than it promised
 */
export async function readExactly(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(offset, length);
  if (bytes.byteLength === length) return plainBytes(bytes);
  throw new CacheQuantError('storage', 'the file is shorter than it was', {
    where: `${source.name}, byte ${offset}`,
    expected: `${length} bytes`,
    got: `${bytes.byteLength}`,
  });
}

/** The same bytes without what subclasses change, such as the meaning of `slice` for Node's `Buffer`. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
