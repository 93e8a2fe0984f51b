import { CacheQuantError } from './errors.js';
import { parseJson } from './parse-json.js';
import { readText, type Storage, writeFile } from './storage.js';
import { checkStoragePath } from './storage-path.js';

/** A storage that keeps a list of what was written through it, so that exactly this can be removed again. */
export interface OwnedStorage extends Storage {
  /** The file with the list. */
  readonly journal: string;
  /** Takes files for its own that were written without it. */
  adopt(paths: readonly string[]): Promise<void>;
  /**
   * Removes the files of its own, and keeps the list, which is empty then. Never through a link.
   * @returns the files that others have put there, which stay
   */
  empty(): Promise<string[]>;
}

/**
 * Opens a storage whose own files are known from a list in it, also those that a killed process has written: a file is
 * on the list before it is there.
 * @param journal path of the list, which is made at once; it marks the folder
 */
export async function ownedStorage(storage: Storage, journal: string): Promise<OwnedStorage> {
  if (isOwned(storage) && storage.journal === journal) return storage;
  const paths = new Set(await ownedPaths(storage, journal));
  let last: Promise<unknown> = Promise.resolve();
  const save = () =>
    writeFile(storage, journal, [...paths].map((path) => `${JSON.stringify(path)}\n`).join(''));
  const adopt = (added: readonly string[]) => {
    const adding = last.then(async () => {
      const before = paths.size;
      for (const path of added) paths.add(checkStoragePath(path));
      if (paths.size > before) await save();
    });
    last = adding.catch(() => undefined);
    return adding;
  };
  await save();
  return {
    journal,
    adopt,
    stat: (path) => storage.stat(path),
    read: (path, range) => storage.read(path, range),
    remove: (path) => storage.remove(path),
    lock: (name) => storage.lock(name),
    ...(storage.locate && { locate: (path: string) => storage.locate!(path) }),
    ...(storage.hash && { hash: (path: string) => storage.hash!(path) }),
    async create(path) {
      await adopt([path]);
      return storage.create(path);
    },
    list: async (prefix) => (await storage.list(prefix)).filter((path) => path !== journal),
    async empty() {
      await last;
      for (const path of paths) {
        await removeFile(storage, path);
        paths.delete(path);
      }
      await save();
      return (await storage.list()).filter((path) => path !== journal);
    },
  };
}

/** What a list names; nothing where there is none. */
export async function ownedPaths(storage: Storage, journal: string): Promise<string[]> {
  if (!(await storage.stat(journal))) return [];
  const lines = (await readText(storage, journal)).split('\n');
  return lines.flatMap((line) => {
    try {
      return [checkStoragePath(parseJson(line, journal) as string)];
    } catch {
      // A line that says no path says nothing.
      return [];
    }
  });
}

/** A folder of that name, or a file behind a link, was not written by us. */
async function removeFile(storage: Storage, path: string): Promise<void> {
  if (!(await storage.stat(path))) return;
  try {
    await storage.remove(path);
  } catch (error) {
    if (!CacheQuantError.is(error) || (await storage.stat(path)) === undefined) throw error;
  }
}

function isOwned(storage: Storage): storage is OwnedStorage {
  return 'journal' in storage && 'empty' in storage;
}
