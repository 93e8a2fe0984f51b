import {
  CacheQuantError,
  isLockedError,
  type Storage,
  type StorageLock,
  writeFile,
} from '@cachequant/tensor';

/**
 * Saves a picture under a name that no other file has: `shoe-7.png`, else `shoe-7-2.png`, `shoe-7-3.png`, … The same
 * picture under the same name is not saved again.
 * @returns the name
 */
export async function savePicture(storage: Storage, name: string, file: Uint8Array): Promise<string> {
  // Between looking and writing nobody else may take the name.
  const lock = await lockPatiently(storage, name);
  try {
    for (let copy = 1; ; copy++) {
      const free = copy === 1 ? name : name.replace(/(\.\w+)$/, `-${copy}$1`);
      const found = await storage.stat(free);
      if (found?.size === file.byteLength && isEqual(await storage.read(free), file)) return free;
      if (found !== undefined) continue;
      await writeFile(storage, free, file);
      return free;
    }
  } finally {
    await lock?.release();
  }
}

const TRIES = 50;
const WAIT_MS = 20;

/** Another process holds it for as long as it takes to write a picture. Undefined where there are no locks. */
async function lockPatiently(storage: Storage, name: string): Promise<StorageLock | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await storage.lock(name);
    } catch (error) {
      if (CacheQuantError.is(error) && error.code === 'unsupported') return undefined;
      if (!isLockedError(error) || attempt === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
