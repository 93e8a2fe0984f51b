import { type Storage, storageFolder } from '@cachequant/tensor';

/** The name of a bundle's manifest. */
export const MANIFEST = 'cachequant.json';

/** Where, in the folder of a bundle, the one that is to replace it is written. */
export const NEXT_BUNDLE = 'next-bundle';

/**
 * The part of a storage in which its bundle lies: the storage itself, unless a replacement was cut short. From the moment
 * at which the manifest of the older bundle is gone, the bundle is the whole one under `next-bundle/`, until that one's
 * own manifest is in its place.
 */
export async function bundleFolder(storage: Storage): Promise<Storage> {
  if (await storage.stat(MANIFEST)) return storage;
  const next = storageFolder(storage, NEXT_BUNDLE);
  return (await next.stat(MANIFEST)) ? next : storage;
}
