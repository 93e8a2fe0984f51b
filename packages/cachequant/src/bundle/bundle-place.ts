import { lstat, readdir, rename, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import {
  removeBundle,
  removeWork,
  requireBundlePlace,
  requireWorkPlace,
  startBundle,
} from '@cachequant/optimizer';
import { openBundle } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type StorageLock } from '@cachequant/tensor';

/** Where a bundle is put together, and where it goes when it is complete. */
export interface BundlePlace {
  readonly out: string;
  /** Takes the bundle while it is incomplete. */
  readonly partial: string;
  /** The bundle that was there before, for the moment between two renames. */
  readonly replaced: string;
  /** Intermediate results. */
  readonly work: string;
}

/** Places for a bundle at `out`; absolute paths. */
export function bundlePlace(out: string, work: string | undefined): BundlePlace {
  return { out, partial: `${out}.partial`, replaced: `${out}.replaced`, work: work ?? `${out}.work` };
}

/**
 * Refuses places where something of the person's would be lost.
 * @param source the model folder
 * @throws CacheQuantError `invalid-argument`, `storage`
 */
export async function checkPlace(place: BundlePlace, source: string): Promise<void> {
  for (const path of [place.out, place.work]) {
    if (!isWithin(source, path) && !isWithin(path, source)) continue;
    throw new CacheQuantError('invalid-argument', 'the folder overlaps the model', {
      where: path,
      hint: 'Choose a folder beside the model',
    });
  }
  if (isWithin(place.out, place.work) || isWithin(place.work, place.out)) {
    throw new CacheQuantError('invalid-argument', 'the work folder overlaps the bundle', {
      where: place.work,
    });
  }
  for (const folder of [place.out, place.partial, place.replaced, place.work]) await requireFolder(folder);
  for (const folder of [place.out, place.partial, place.replaced]) {
    await requireBundlePlace(nodeStorage(folder));
  }
  await requireWorkPlace(nodeStorage(place.work));
}

/** Holds both places against other runs, from before anything is changed until everything is done. */
export async function lockPlace({ out, work }: BundlePlace): Promise<StorageLock> {
  const beside = (path: string) => nodeStorage(dirname(path)).lock(basename(path));
  const outLock = await attempt(out, () => beside(out));
  try {
    const workLock = await attempt(work, () => beside(work));
    const release = async () => {
      await workLock.release();
      await outLock.release();
    };
    return { release };
  } catch (error) {
    await outLock.release();
    throw error;
  }
}

/** Holds the work folder alone, for a run that makes no bundle. */
export function lockWork({ work }: BundlePlace): Promise<StorageLock> {
  return attempt(work, () => nodeStorage(dirname(work)).lock(basename(work)));
}

/**
 * Makes the folder, so that one that cannot be written is found out before anything slow begins.
 * @throws CacheQuantError `storage`
 */
export async function openPlace({ out, partial, replaced }: BundlePlace): Promise<void> {
  await attempt(out, async () => {
    // An earlier run ended between two renames, or before it had removed the older bundle.
    if ((await exists(replaced)) && !(await exists(out))) await rename(replaced, out);
    await removeFolder(replaced, removeBundle);
    await startBundle(nodeStorage(partial));
  });
}

/**
 * Puts the complete bundle in its place, in place of an older one, when it has been opened and all of it checked.
 * @returns the folder of the older bundle, where something else is left in it
 */
export async function commitPlace({ out, partial, replaced }: BundlePlace): Promise<string | undefined> {
  await openBundle(nodeStorage(partial));
  let left = false;
  await attempt(out, async () => {
    if (await exists(out)) await rename(out, replaced);
    await rename(partial, out);
    left = (await removeFolder(replaced, removeBundle)) > 0;
  });
  return left ? replaced : undefined;
}

/** Removes an incomplete bundle, and the work folder where no stage was finished in it. */
export async function abandonPlace(place: BundlePlace): Promise<void> {
  await removeFolder(place.partial, removeBundle);
  const files = await nodeStorage(place.work).list();
  if (!files.some((path) => /(^|\/)stages\//.test(path))) await removeWorkPlace(place);
}

/** Removes intermediate results; what else is in the folder stays. */
export async function removeWorkPlace({ work }: BundlePlace): Promise<void> {
  await removeFolder(work, removeWork);
}

/** @returns how many files of others stay in the folder */
async function removeFolder(
  path: string,
  remove: (storage: ReturnType<typeof nodeStorage>) => Promise<string[]>,
): Promise<number> {
  if (!(await exists(path))) return 0;
  const stays = await remove(nodeStorage(path));
  await removeEmptyFolders(path);
  return stays.length;
}

/** From the innermost on; a folder that a link leads to is not looked into. */
async function removeEmptyFolders(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeEmptyFolders(join(path, entry.name));
  }
  // Refused while something is in it.
  await rmdir(path).catch(() => undefined);
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !/^[A-Za-z]:/.test(way));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** A link in a bundle's place was made by somebody else: a bundle has none, and what it leads to is not ours. */
async function requireFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (found.isDirectory()) return requireNoLinks(path);
  throw refused(path, found.isSymbolicLink() ? 'this is a link' : 'this is a file', 'a new folder');
}

async function requireNoLinks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink())
      throw refused(path, 'there is a link in the folder', 'files and folders alone');
    if (entry.isDirectory()) await requireNoLinks(path);
  }
}

async function attempt<T>(where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    // What was said by name stays; what the system says is explained.
    if (CacheQuantError.is(cause) && !/^E[A-Z]+$/.test(cause.got ?? '')) throw cause;
    throw new CacheQuantError('storage', 'the folder cannot be written', {
      where,
      got: cause instanceof Error ? cause.message : String(cause),
      hint: 'Choose another folder, or give this user the right to write there',
      cause,
    });
  }
}

function refused(where: string, summary: string, expected: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', summary, {
    where,
    expected,
    hint: 'Nothing was changed. Choose another folder, or remove this one yourself',
  });
}
