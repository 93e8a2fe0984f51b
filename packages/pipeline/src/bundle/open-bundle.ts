import { readText, type Storage } from '@cachequant/tensor';
import { bundleFolder, MANIFEST } from './bundle-folder.js';
import { type CheckedFiles, checkFiles, requireListed } from './check-files.js';
import { listedStorage } from './listed-storage.js';
import { type BundleManifest, readManifest, VERIFICATION } from './manifest.js';
import type { Verification } from './verification.js';
import { parseVerification } from './verification-schema.js';

/** A bundle whose files are what its manifest says. */
export interface Bundle {
  /** The files that the manifest lists; others are not seen through it. */
  readonly storage: Storage;
  readonly manifest: BundleManifest;
  /** What was measured when it was made; undefined when that was left out. */
  readonly verification: Verification | undefined;
}

/** How thoroughly a bundle's files are checked: by their hashes (the default) or by their sizes alone. */
export interface OpenBundleOptions {
  /** `hashes` reads every byte (the default); `sizes` looks at lengths alone. */
  readonly check?: 'hashes' | 'sizes';
}

/** Whether a folder looks like a bundle. */
export async function isBundle(storage: Storage): Promise<boolean> {
  return (await (await bundleFolder(storage)).stat(MANIFEST)) !== undefined;
}

/**
 * Opens a bundle, checking schema, sizes and hashes of everything that is loaded from it.
 * @throws CacheQuantError `bundle` naming the file that is missing, was altered, or is not listed
 */
export async function openBundle(storage: Storage, options: OpenBundleOptions = {}): Promise<Bundle> {
  const folder = await bundleFolder(storage);
  const { requireUnchanged, ...checked } = await openChecked(folder, options);
  const verification = await readVerification(folder, checked.manifest);
  await requireUnchanged();
  return { ...checked, verification };
}

/** `openBundle` for who loads more of it, and can say afterwards whether that was what had been checked. */
export async function openChecked(
  storage: Storage,
  options: OpenBundleOptions,
): Promise<Omit<Bundle, 'verification'> & CheckedFiles> {
  const folder = await bundleFolder(storage);
  const manifest = await readManifest(folder);
  const { requireUnchanged } = await checkFiles(folder, manifest, (options.check ?? 'hashes') === 'hashes');
  return { storage: listedStorage(folder, manifest), manifest, requireUnchanged };
}

async function readVerification(
  storage: Storage,
  manifest: BundleManifest,
): Promise<Verification | undefined> {
  if (!(await storage.stat(VERIFICATION))) return undefined;
  requireListed(manifest, VERIFICATION, storage);
  const where = storage.locate?.(VERIFICATION) ?? VERIFICATION;
  return parseVerification(await readText(storage, VERIFICATION), where);
}
