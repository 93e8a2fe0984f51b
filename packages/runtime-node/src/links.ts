import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { CacheQuantError } from '@cachequant/tensor';

/**
 * Refuses a path that passes through a link below the root: what lies behind it is not the storage's to change.
 *
 * @param path as the storage names it; its last part may be a link, which is replaced or removed itself
 * @throws CacheQuantError `storage`
 */
export async function refuseLinkedFolders(base: string, path: string, where: string): Promise<void> {
  let folder = base;
  for (const part of path.split('/').slice(0, -1)) {
    folder = join(folder, part);
    const found = await lstat(folder).catch(() => undefined);
    if (found === undefined) return;
    if (!found.isSymbolicLink()) continue;
    throw new CacheQuantError('storage', 'a link leads elsewhere', {
      where: `${where} ${folder}`,
      expected: 'a folder: files are read through links, but never written or removed',
      hint: 'Replace the link by a folder, or name the folder that it points to',
    });
  }
}

/** Where a file lies when links below the root lead there; undefined where its name says it. */
export async function linkTarget(base: string, place: string): Promise<string | undefined> {
  const [root, real] = await Promise.all([realpath(base), realpath(place)]);
  return join(root, relative(base, place)) === real ? undefined : real;
}

/**
 * Whether links lead from inside the root to a place outside of it. In a Hugging Face cache, `snapshots/<revision>` is
 * made of links into `blobs/` beside `snapshots`, which is where a snapshot's files belong.
 */
export async function leadsOutside(base: string, place: string): Promise<boolean> {
  const [root, real] = await Promise.all([realpath(base), realpath(place)]);
  if (isWithin(root, real)) return false;
  const snapshots = dirname(root);
  const blobs = join(dirname(snapshots), 'blobs');
  return basename(snapshots) !== 'snapshots' || dirname(real) !== blobs;
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !/^[A-Za-z]:/.test(way);
}
