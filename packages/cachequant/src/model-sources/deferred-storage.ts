import type { Storage, StorageWriter } from '@cachequant/tensor';

/** Files that appear together, when all of them are whole. */
export interface DeferredStorage extends Storage {
  /**
   * Replaces files of before, when there is room for all of the new ones. Those are removed first: should this be cut
   * short, files of before and new ones do not stand side by side as if they belonged together.
   * @throws CacheQuantError `storage`; where there was no room, nothing was changed
   */
  commitAll(): Promise<void>;
  /** Forgets all that was written; files of before stay. Harmless after `commitAll`. */
  abortAll(): Promise<void>;
}

/** A storage that keeps every committed file aside until `commitAll`: what fails halfway has replaced nothing. */
export function deferredStorage(storage: Storage): DeferredStorage {
  const open: StorageWriter[] = [];
  const whole: { readonly path: string; readonly writer: StorageWriter }[] = [];
  return {
    ...storage,
    async create(path) {
      const writer = await storage.create(path);
      open.push(writer);
      return {
        write: (chunk) => writer.write(chunk),
        commit: async () => {
          whole.push({ path, writer });
        },
        abort: () => writer.abort(),
      };
    },
    async commitAll() {
      for (const { writer } of whole) await writer.flush?.();
      for (const { path } of whole) await storage.remove(path);
      for (const { writer } of whole) await writer.commit();
    },
    async abortAll() {
      for (const writer of open) await writer.abort();
    },
  };
}
