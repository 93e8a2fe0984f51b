import { CacheQuantError } from './errors.js';

/** A file being written. Nothing is visible under its name until `commit` has returned. */
export interface StorageWriter {
  /** Appends bytes. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything so far has its place on the disk, where only that tells whether there is room. */
  flush?(): Promise<void>;
  /** Makes the file visible, whole and at once, replacing an older one. */
  commit(): Promise<void>;
  /** Forgets what was written. Harmless after `commit`. */
  abort(): Promise<void>;
}

/** What is known of a file without reading it. */
export interface FileStat {
  /** Bytes. */
  readonly size: number;
  /**
   * Differs from that of every earlier content; equal versions mean equal content. Left out where a storage cannot
   * tell, or never changes.
   */
  readonly version?: string;
  /** Whether a link leads out of the storage to the file; left out: no. */
  readonly outside?: true;
  /** Where the file lies, when its name leads there by a link; as `Storage.locate` names files. Left out: no link. */
  readonly target?: string;
}

/** A name that one holder has; `release` gives it back, and so does the end of the holder's process or page. */
export interface StorageLock {
  /** A second call does nothing. */
  release(): Promise<void>;
}

/**
 * Named files with ranges and atomic writes: a folder in Node, OPFS in a browser, memory in tests.
 * Paths are relative, with `/` between folders; absolute paths and `..` are refused.
 *
 * Links, where there are any: reading follows them, wherever they lead (`stat` says when that is outside); writing and
 * removing never pass through one.
 */
export interface Storage {
  /**
   * Size in bytes, or undefined where there is no such file.
   * @returns undefined when there is no such file
   */
  stat(path: string): Promise<FileStat | undefined>;
  /**
   * The bytes of a file or of a range of it. Throws `storage` where it is missing or too short.
   * @throws CacheQuantError `storage` when the file is missing or shorter than the range
   */
  read(path: string, range?: { offset: number; length: number }): Promise<Uint8Array>;
  /** Begins a file, which appears under its name with `commit`. */
  create(path: string): Promise<StorageWriter>;
  /** Paths of all files at or under the prefix, sorted. */
  list(prefix?: string): Promise<string[]>;
  /**
   * Removes a file, or a folder with everything in it; nothing happens if it is not there. A link is removed itself,
   * never what it points to.
   */
  remove(path: string): Promise<void>;
  /**
   * Takes a name for as long as the work on some files goes on, against everyone who opens the same place: other
   * processes, other tabs, other storages. Nobody holds it who has ended, however that came about.
   *
   * @throws CacheQuantError `storage` when another holds it
   */
  lock(name: string): Promise<StorageLock>;
  /** SHA-256 of a file in hexadecimal, where the storage computes it faster than from what `read` gives. */
  hash?(path: string): Promise<string>;
  /** The path by which a runtime on this machine can open the file itself, where there is one. */
  locate?(path: string): string | undefined;
}

/** Writes a small file in one go. */
export async function writeFile(storage: Storage, path: string, content: Uint8Array | string): Promise<void> {
  const writer = await storage.create(path);
  try {
    await writer.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Reads a file as UTF-8. */
export async function readText(storage: Storage, path: string): Promise<string> {
  return new TextDecoder().decode(await storage.read(path));
}

/** @returns the error of `Storage.lock` for a name that another holds */
export function lockedError(where: string, holder?: string): CacheQuantError {
  const error = new CacheQuantError('storage', 'another run is using this folder', {
    where,
    ...(holder !== undefined && { got: holder }),
    hint: 'Wait until it has ended, or choose another folder',
  });
  return Object.defineProperty(error, LOCKED, { value: true });
}

const LOCKED = Symbol.for('cachequant.locked');

/** Whether an error says that another holds a name, which may be tried again. */
export function isLockedError(error: unknown): boolean {
  return CacheQuantError.is(error) && (error as unknown as Record<symbol, unknown>)[LOCKED] === true;
}
