import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ByteSource, CacheQuantError } from '@cachequant/tensor';
import { checkPath } from './storage-path.js';

const PREFIX = 'cachequant-weights-';
const CHUNK_BYTES = 8 * 1024 * 1024;
/** A day: whoever wrote it has loaded it long since, or is gone. */
const ABANDONED_AFTER_MS = 86_400_000;

/** External data in a folder of their own, while a session needs them there. */
export interface SpooledData {
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * Writes external data to temporary files a piece at a time, so that they are never whole in memory.
 * @returns undefined where there is no room for them
 */
export async function spoolData(
  data: ReadonlyMap<string, Uint8Array | ByteSource>,
  place = tmpdir(),
): Promise<SpooledData | undefined> {
  await removeAbandoned(place);
  const folder = await mkdtemp(join(place, PREFIX));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    for (const [name, content] of data) await writeOut(join(folder, flat(name)), content);
    return { folder, remove };
  } catch (error) {
    await remove();
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOSPC', 'EDQUOT', 'EROFS'].includes(code)) return undefined;
    throw error;
  }
}

/** @throws CacheQuantError `unsupported` for a location in a folder below the graph's */
function flat(name: string): string {
  const path = checkPath(name);
  if (!path.includes('/')) return path;
  throw new CacheQuantError('unsupported', 'computed weights have to lie beside their graph', {
    where: 'externalData',
    got: name,
  });
}

async function writeOut(path: string, content: Uint8Array | ByteSource): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    if (content instanceof Uint8Array) {
      await handle.writeFile(content);
      return;
    }
    for (let offset = 0; offset < content.size; offset += CHUNK_BYTES) {
      await handle.writeFile(await content.read(offset, Math.min(CHUNK_BYTES, content.size - offset)));
    }
  } finally {
    await handle.close();
  }
}

/** Those of processes that were killed while they loaded a model. */
async function removeAbandoned(place: string): Promise<void> {
  for (const name of await readdir(place).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(place, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
