import { CacheQuantError, readText, type Storage } from '@cachequant/tensor';
import { hashFile } from './fingerprint.js';
import { type BundleManifest, MANIFEST, readManifest, VERIFICATION } from './manifest.js';
import type { Verification } from './verification.js';
import { parseVerification } from './verification-schema.js';

/** A bundle whose files are what its manifest says. */
export interface Bundle {
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
  return (await storage.stat(MANIFEST)) !== undefined;
}

/**
 * Opens a bundle, checking schema, sizes and hashes.
 * @throws CacheQuantError `bundle` naming the file that is missing or was altered
 */
export async function openBundle(storage: Storage, options: OpenBundleOptions = {}): Promise<Bundle> {
  const manifest = await readManifest(storage);
  for (const [path, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const size = (await storage.stat(path))?.size;
    const where = storage.locate?.(path) ?? path;
    if (size !== bytes) {
      throw damaged(where, `${bytes} bytes`, size === undefined ? 'no such file' : `${size} bytes`);
    }
    if ((options.check ?? 'hashes') === 'hashes') {
      const found = await hashFile(storage, path);
      if (found !== sha256) throw damaged(where, `SHA-256 ${sha256.slice(0, 12)}…`, `${found.slice(0, 12)}…`);
    }
  }
  return { storage, manifest, verification: await readVerification(storage) };
}

async function readVerification(storage: Storage): Promise<Verification | undefined> {
  if (!(await storage.stat(VERIFICATION))) return undefined;
  const where = storage.locate?.(VERIFICATION) ?? VERIFICATION;
  return parseVerification(await readText(storage, VERIFICATION), where);
}

function damaged(where: string, expected: string, got: string): CacheQuantError {
  return new CacheQuantError('bundle', 'the file is not the one that the bundle was made with', {
    where,
    expected,
    got,
    hint: 'Copy the bundle again, or optimize the model again.',
  });
}
