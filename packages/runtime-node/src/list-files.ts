import { readdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned, isTemporary } from './temporary-name.js';

/**
 * Paths of all complete files at or under a place, as the storage names them, sorted. Links count as what
 * they point to. Unfinished files that their writers have left behind are removed on the way.
 */
export async function listFiles(place: string, name: string): Promise<string[]> {
  const files: string[] = [];
  await visit(place, name, files, new Set());
  return files.sort();
}

async function visit(
  place: string,
  name: string,
  files: string[],
  above: ReadonlySet<string>,
): Promise<void> {
  const found = await stat(place).catch(ignoreMissing);
  if (found?.isFile()) {
    if (!isTemporary(name)) files.push(name);
    else if (isAbandoned(found, Date.now())) await rm(place, { force: true });
  }
  if (!found?.isDirectory()) return;
  const real = await realpath(place);
  // A link to a folder above it would go round for ever.
  if (above.has(real)) return;
  const inside = new Set(above).add(real);
  for (const entry of await readdir(place)) {
    await visit(join(place, entry), name === '' ? entry : `${name}/${entry}`, files, inside);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return undefined;
  throw error;
}
