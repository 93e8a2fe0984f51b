import { lstat, readdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned, isReserved, isTemporary } from './temporary-name.js';

/**
 * Paths of all complete files at or under a place, as the storage names them, sorted. Links count as what
 * they point to. Unfinished files that their writers have left behind are removed on the way, but not behind links.
 */
export async function listFiles(place: string, name: string): Promise<string[]> {
  const files: string[] = [];
  await visit({ place, name, linked: false }, files, new Set());
  return files.sort();
}

interface Entry {
  readonly place: string;
  readonly name: string;
  /** Whether a link below the start leads here. */
  readonly linked: boolean;
}

async function visit(
  { place, name, linked }: Entry,
  files: string[],
  above: ReadonlySet<string>,
): Promise<void> {
  const found = await stat(place).catch(ignoreMissing);
  if (found?.isFile()) {
    if (!isReserved(name)) files.push(name);
    else if (isTemporary(name) && !linked && isAbandoned(found, Date.now())) await rm(place, { force: true });
  }
  if (!found?.isDirectory()) return;
  const real = await realpath(place);
  // A link to a folder above it would go round for ever.
  if (above.has(real)) return;
  const inside = new Set(above).add(real);
  for (const entry of await readdir(place)) {
    const next = join(place, entry);
    const isLink = linked || ((await lstat(next).catch(ignoreMissing))?.isSymbolicLink() ?? false);
    await visit(
      { place: next, name: name === '' ? entry : `${name}/${entry}`, linked: isLink },
      files,
      inside,
    );
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return undefined;
  throw error;
}
