import { mkdir, open, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CacheQuantError } from '@cachequant/tensor';

/**
 * Makes sure that files can be written into a folder, before anything slow begins. A folder that is not there is made
 * and taken away again.
 * @param where for messages: the option
 * @throws CacheQuantError `storage` where a file is in the way, or the folder cannot be written
 */
export async function requireWritableFolder(folder: string, where: string): Promise<void> {
  const { path, isFolder, missing } = await wayTo(folder);
  if (!isFolder) {
    throw new CacheQuantError('storage', 'there is a file where a folder is needed', {
      where,
      expected: 'a folder, or a name that is not taken',
      got: path,
    });
  }
  const made: string[] = [];
  try {
    // One by one: where the system makes no folders, as in /proc, Node's recursive mkdir never returns.
    for (const next of missing) {
      await mkdir(next);
      made.unshift(next);
    }
    await tryFile(join(folder, `.cachequant-${process.pid}-${Date.now()}`));
  } catch (cause) {
    throw new CacheQuantError('storage', 'the folder cannot be written', {
      where,
      got: cause instanceof Error ? cause.message : String(cause),
      hint: 'Choose another folder, or give this user the right to write there',
      cause,
    });
  } finally {
    // Fails, and rightly so, where somebody has put something in meanwhile.
    for (const path of made) await rmdir(path).catch(() => undefined);
  }
}

/**
 * The same for a file that is to be written or replaced.
 * @throws CacheQuantError `storage`
 */
export async function requireWritableFile(file: string, where: string): Promise<void> {
  if ((await stat(file).catch(() => undefined))?.isDirectory()) {
    throw new CacheQuantError('storage', 'there is a folder where a file is needed', { where, got: file });
  }
  await requireWritableFolder(dirname(file), where);
}

/** What is there of the way to a folder, and the folders that are missing, the outermost first. */
async function wayTo(
  folder: string,
): Promise<{ readonly path: string; readonly isFolder: boolean; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  for (let path = folder; ; path = dirname(path)) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined || dirname(path) === path) {
      return { path, isFolder: found?.isDirectory() ?? true, missing };
    }
    missing.unshift(path);
  }
}

async function tryFile(path: string): Promise<void> {
  const handle = await open(path, 'wx');
  await handle.close();
  await rm(path);
}
