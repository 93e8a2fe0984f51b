import { type BundleManifest, MANIFEST, openBundle } from '@cachequant/pipeline';
import { NEXT_BUNDLE, VERIFICATION } from '@cachequant/pipeline/internals';
import {
  CacheQuantError,
  type OwnedStorage,
  ownedPaths,
  ownedStorage,
  parseJson,
  readText,
  type Storage,
  storageFolder,
} from '@cachequant/tensor';
import { copyFile } from '../work/copy-file.js';
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
  const next = await ownFiles(storageFolder(out, NEXT_BUNDLE));
  const own = new Set([...(await ownFiles(out)), ...next.map((path) => `${NEXT_BUNDLE}/${path}`)]);
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
  await removeIn(storageFolder(out, NEXT_BUNDLE));
  return removeIn(out);
}

async function removeIn(folder: Storage): Promise<string[]> {
  if ((await ownFiles(folder)).length === 0) return folder.list();
  const stays = await (await takeOver(folder)).empty();
  await folder.remove(UNFINISHED);
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

/**
 * Writes a bundle into a folder, in place of an older one. At every moment the folder has one whole bundle: the older one
 * until its manifest is removed, then the new one under `next-bundle/`, then the copy of that. A folder without one gets
 * it at once; one under `next-bundle/`, of a replacement that was cut short, counts until then.
 *
 * @param write writes the bundle and its manifest, last of all, and checks it
 * @throws CacheQuantError `storage` where something else is, or where there is no room; the folder has a bundle then, if
 * it had one before
 */
export async function replaceBundle(
  out: Storage,
  write: (place: OwnedStorage) => Promise<BundleManifest>,
): Promise<BundleManifest> {
  await requireBundlePlace(out);
  const next = storageFolder(out, NEXT_BUNDLE);
  if (!(await out.stat(MANIFEST))) {
    const manifest = await writeOrAbandon(out, write);
    await removeIn(next);
    return manifest;
  }
  const { files } = await writeOrAbandon(next, write);
  try {
    await copyUp(next, [...Object.keys(files), CARD], out);
  } catch (error) {
    if (await out.stat(MANIFEST)) await abandon(await takeOver(next));
    throw error;
  }
  await removeIn(next);
  return (await openBundle(out)).manifest;
}

async function writeOrAbandon(
  folder: Storage,
  write: (place: OwnedStorage) => Promise<BundleManifest>,
): Promise<BundleManifest> {
  const place = await startBundle(folder);
  try {
    return await write(place);
  } catch (error) {
    await abandon(place);
    throw error;
  }
}

/** Where this fails, the next attempt does it: what is left is on its list. */
async function abandon(place: OwnedStorage): Promise<void> {
  try {
    await place.remove(MANIFEST);
    await place.empty();
    await place.remove(UNFINISHED);
  } catch {}
}

/** From the removal of the older manifest until the last copy, the bundle is the one that is copied. */
async function copyUp(next: Storage, paths: readonly string[], out: Storage): Promise<void> {
  const owned = await takeOver(out);
  await owned.empty();
  for (const path of paths) await copyFile(next, path, owned, path);
  await copyFile(next, MANIFEST, owned, MANIFEST);
  await out.remove(UNFINISHED);
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
