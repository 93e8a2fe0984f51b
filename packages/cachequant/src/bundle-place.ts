import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { isBundle } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError } from '@cachequant/tensor';

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

/** The file by which a work folder is recognised. */
const WORK_MARK = 'fingerprint.txt';

/** Places for a bundle at `out`; absolute paths. */
export function bundlePlace(out: string, work: string | undefined): BundlePlace {
  return { out, partial: `${out}.partial`, replaced: `${out}.replaced`, work: work ?? `${out}.work` };
}

/**
 * Refuses places where something of the person's would be lost.
 * @param source the model folder
 * @throws CacheQuantError `invalid-argument`
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
  if (!(await isFree(place.out)) && !(await isBundle(nodeStorage(place.out)))) {
    throw refused(place.out, 'there is something else than a bundle', 'a new folder, or a bundle to replace');
  }
  if (!(await isFree(place.work)) && !(await nodeStorage(place.work).stat(WORK_MARK))) {
    throw refused(place.work, 'there is something else than intermediate results', 'a new folder');
  }
}

/**
 * Makes the folders, so that one that cannot be written is found out before anything slow begins.
 * @throws CacheQuantError `storage`
 */
export async function openPlace({ out, partial, replaced, work }: BundlePlace): Promise<void> {
  await attempt(out, async () => {
    // An earlier run ended between two renames.
    if ((await exists(replaced)) && !(await exists(out))) await rename(replaced, out);
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
  });
  await attempt(work, () => mkdir(work, { recursive: true }));
}

/** Puts the complete bundle in its place, in the stead of an older one. */
export async function commitPlace({ out, partial, replaced }: BundlePlace): Promise<void> {
  await attempt(out, async () => {
    await rm(replaced, { recursive: true, force: true });
    if (await exists(out)) await rename(out, replaced);
    await rename(partial, out);
    await rm(replaced, { recursive: true, force: true });
  });
}

/** Removes an incomplete bundle, and the work folder if nothing has been put in it. */
export async function abandonPlace({ partial, work }: BundlePlace): Promise<void> {
  await rm(partial, { recursive: true, force: true });
  if (await isFree(work)) await rm(work, { recursive: true, force: true });
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !/^[A-Za-z]:/.test(way));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function isFree(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return true;
  return found.isDirectory() && (await readdir(path)).length === 0;
}

async function attempt(where: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (cause) {
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
