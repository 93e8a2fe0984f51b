import { memoryStorage, type Storage } from '@cachequant/tensor';
import { isQuotaError } from './browser-storage-error.js';
import { hasOpfs, opfsStorage } from './opfs-storage.js';
import { PartStore, type StoredFile } from './part-store.js';

/** Where the files are kept; the browser's file system unless given. */
export interface ModelCacheOptions {
  /** Where files are kept; left out: the browser's file system for this site, or memory where there is none. */
  readonly storage?: Storage;
  readonly onWarning?: (message: string) => void;
}

/** Downloaded files that stay from visit to visit, under the hash of their content where it is known. */
export interface ModelCache {
  /** Whether files outlive the page. */
  readonly persistent: boolean;
  /** The files that are there as a whole. */
  list(): Promise<StoredFile[]>;
  /** Deletes a file, whole or not; nothing happens if it is not there. */
  delete(key: string): Promise<void>;
  /** Deletes every file. */
  clear(): Promise<void>;
  /** For downloads. */
  readonly stores: CacheStores;
}

/** Where a download writes, and where it goes on when there is no more space. */
export interface CacheStores {
  /** The store that has the file, or that it should be written to. */
  of(key: string): PartStore;
  /**
   * Moves the parts of a file to memory when a write failed for lack of space.
   *
   * @returns where to go on
   * @throws the given error when it says something else
   */
  afterFailedWrite(key: string, error: unknown): Promise<PartStore>;
}

/** @throws CacheQuantError `storage` when the browser refuses */
/**
 * A cache of model files by the hash of their content: in the browser's file system where there is one,
 * else in memory, with a warning.
 */
export async function createModelCache(options: ModelCacheOptions = {}): Promise<ModelCache> {
  const { onWarning = () => undefined } = options;
  const storage = options.storage ?? ((await hasOpfs()) ? opfsStorage('cachequant/models') : undefined);
  if (storage === undefined) onWarning('This browser keeps no files; the model is downloaded on each visit.');
  const memory = new PartStore(memoryStorage());
  const main = storage === undefined ? memory : new PartStore(storage);
  const inMemory = new Set<string>();
  const all = main === memory ? [main] : [main, memory];

  const stores: CacheStores = {
    of: (key) => (inMemory.has(key) ? memory : main),
    async afterFailedWrite(key, error) {
      if (inMemory.has(key) || main === memory || !isQuotaError(error)) throw error;
      onWarning(
        'The browser gives no more space. The model is kept in memory and downloaded again at the next visit.',
      );
      const parts = await main.partCount(key);
      for (let index = 0; index < parts; index++) {
        await memory.writePart(key, index, await main.readPart(key, index));
      }
      inMemory.add(key);
      await main.remove(key);
      return memory;
    },
  };

  const remove = async (key: string) => {
    for (const store of all) await store.remove(key);
    inMemory.delete(key);
  };
  return {
    persistent: storage !== undefined,
    stores,
    list: async () => (await Promise.all(all.map((store) => store.entries()))).flat(),
    delete: remove,
    async clear() {
      for (const store of all) for (const key of await store.keys()) await remove(key);
    },
  };
}
