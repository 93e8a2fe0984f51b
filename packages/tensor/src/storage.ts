/** A file being written. Nothing is visible under its name until `commit` has returned. */
export interface StorageWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the file visible, whole and at once, replacing an older one. */
  commit(): Promise<void>;
  /** Forgets what was written. Harmless after `commit`. */
  abort(): Promise<void>;
}

/**
 * Named files with ranges and atomic writes: a folder in Node, OPFS in a browser, memory in tests.
 * Paths are relative, with `/` between folders; absolute paths and `..` are refused.
 */
export interface Storage {
  /** @returns undefined when there is no such file */
  stat(path: string): Promise<{ size: number } | undefined>;
  /** @throws CacheQuantError `storage` when the file is missing or shorter than the range */
  read(path: string, range?: { offset: number; length: number }): Promise<Uint8Array>;
  create(path: string): Promise<StorageWriter>;
  /** Paths of all files at or under the prefix, sorted. */
  list(prefix?: string): Promise<string[]>;
  /** Removes a file, or a folder with everything in it; nothing happens if it is not there. */
  remove(path: string): Promise<void>;
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

export async function readText(storage: Storage, path: string): Promise<string> {
  return new TextDecoder().decode(await storage.read(path));
}
