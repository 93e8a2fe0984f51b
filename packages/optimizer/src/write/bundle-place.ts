import { MANIFEST, VERIFICATION } from '@cachequant/pipeline/internals';
import {
  CacheQuantError,
  type OwnedStorage,
  ownedPaths,
  ownedStorage,
  parseJson,
  readText,
  type Storage,
} from '@cachequant/tensor';
import { CARD } from './bundle-card.js';

/** Marks a folder whose bundle is being written, and lists what was written of it. */
export const UNFINISHED = 'unfinished-bundle';

/** What bundles have without listing it: their card, and in earlier versions what was measured. */
const UNLISTED = [MANIFEST, CARD, VERIFICATION, 'report.html', 'report.json'];

/**
 * Refuses a folder with files that no optimization has written there.
 * @throws CacheQuantError `storage` unless it is empty, or holds nothing but a bundle or one that was not finished
 */
export async function requireBundlePlace(out: Storage): Promise<void> {
  const own = new Set(await ownFiles(out));
  for (const path of await out.list()) {
    const isLinked = (await out.stat(path))?.outside === true;
    if (own.has(path) && !isLinked) continue;
    throw new CacheQuantError('storage', 'the folder for the bundle holds other files', {
      where: out.locate?.(path) ?? path,
      expected: 'an empty folder, or nothing but an earlier bundle, which is replaced',
      ...(isLinked && { got: 'a link that leads out of it' }),
      hint: 'Nothing was changed. Choose another folder, or move the file yourself.',
    });
  }
}

/**
 * Removes the bundle in a folder, finished or not, the manifest first: without it there is none.
 * @returns what else is there, which stays
 */
export async function removeBundle(out: Storage): Promise<string[]> {
  const stays = await (await takeOver(out)).empty();
  await out.remove(UNFINISHED);
  return stays;
}

/**
 * Empties a folder for a new bundle.
 * @returns the folder, which lists what is written until the bundle is finished
 * @throws CacheQuantError `storage` where something else is
 */
export async function startBundle(out: Storage): Promise<OwnedStorage> {
  await requireBundlePlace(out);
  const owned = await takeOver(out);
  await owned.empty();
  return owned;
}

async function takeOver(out: Storage): Promise<OwnedStorage> {
  const own = await ownFiles(out);
  const owned = await ownedStorage(out, UNFINISHED);
  await owned.adopt(own.filter((path) => path !== UNFINISHED));
  await out.remove(MANIFEST);
  return owned;
}

/** The files of a folder by which it is a bundle, or was to be one. */
async function ownFiles(out: Storage): Promise<string[]> {
  const own: string[] = [];
  if (await out.stat(UNFINISHED)) own.push(UNFINISHED, ...(await ownedPaths(out, UNFINISHED)));
  const listed = await listedFiles(out);
  if (listed !== undefined) own.push(...UNLISTED, ...listed);
  return own;
}

/** Of any version's manifest; undefined for what is none. */
async function listedFiles(out: Storage): Promise<string[] | undefined> {
  if (!(await out.stat(MANIFEST))) return undefined;
  try {
    const { formatVersion, files } = parseJson(await readText(out, MANIFEST), MANIFEST) as Record<
      string,
      unknown
    >;
    if (typeof formatVersion !== 'number' || typeof files !== 'object' || files === null) return undefined;
    return Object.keys(files);
  } catch {
    return undefined;
  }
}
