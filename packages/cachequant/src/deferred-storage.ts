import type { Storage, StorageWriter } from '@cachequant/tensor';

/** Files that appear together, when all of them are whole. */
export interface DeferredStorage extends Storage {
  commitAll(): Promise<void>;
  /** Forgets all that was written; files of before stay. Harmless after `commitAll`. */
  abortAll(): Promise<void>;
}

/** A storage that keeps every committed file aside until `commitAll`: what fails halfway has replaced nothing. */
export function deferredStorage(storage: Storage): DeferredStorage {
  const open: StorageWriter[] = [];
  const whole: StorageWriter[] = [];
  return {
    ...storage,
    async create(path) {
      const writer = await storage.create(path);
      open.push(writer);
      return {
        write: (chunk) => writer.write(chunk),
        commit: async () => {
          whole.push(writer);
        },
        abort: () => writer.abort(),
      };
    },
    async commitAll() {
      for (const writer of whole) await writer.commit();
    },
    async abortAll() {
      for (const writer of open) await writer.abort();
    },
  };
}
