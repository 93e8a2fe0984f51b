import { CacheQuantError } from './errors.js';
import type { Storage } from './storage.js';

const FIRST_LINE = 'version https://git-lfs.github.com/spec/';

/** Pointers have three lines; git-lfs itself takes no larger file for one. */
const LARGEST_POINTER = 1024;

/** Whether these bytes stand for a file that Git LFS keeps elsewhere. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  if (bytes.byteLength > LARGEST_POINTER) return false;
  return new TextDecoder().decode(bytes.subarray(0, FIRST_LINE.length)) === FIRST_LINE;
}

/**
 * Refuses a file that is a pointer of Git LFS, which a clone without `git lfs` leaves in the place of large files.
 * @throws CacheQuantError `storage`
 */
export async function refuseLfsPointer(storage: Storage, path: string): Promise<void> {
  const size = (await storage.stat(path))?.size;
  if (size === undefined || size > LARGEST_POINTER || !isLfsPointer(await storage.read(path))) return;
  throw lfsPointerError(storage.locate?.(path) ?? path);
}

/** What to say of a file that is a pointer of Git LFS, in place of its content. */
export function lfsPointerError(where: string): CacheQuantError {
  return new CacheQuantError('storage', 'this is a Git LFS pointer, not the file itself', {
    where,
    hint: 'Fetch the files with `git lfs install` and `git lfs pull` in the repository, or download them from the site',
  });
}
