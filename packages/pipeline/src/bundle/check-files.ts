import { externalLocations } from '@cachequant/onnx';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { MANIFEST } from './bundle-folder.js';
import { hashFile } from './fingerprint.js';
import { type BundleManifest, VERIFICATION } from './manifest.js';

/** Files that were compared with a manifest, in the versions that were compared. */
export interface CheckedFiles {
  /** @throws CacheQuantError `bundle` when one is no longer what was compared */
  requireUnchanged(): Promise<void>;
}

/**
 * Compares the files of a bundle with its manifest.
 * @param hashes reads every byte; otherwise lengths alone are looked at
 * @throws CacheQuantError `bundle` naming the file that is missing, was altered, is not listed, or is a link out of the
 * bundle
 */
export async function checkFiles(
  storage: Storage,
  manifest: BundleManifest,
  hashes: boolean,
): Promise<CheckedFiles> {
  const versions = new Map<string, string | undefined>();
  for (const [path, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const before = await storage.stat(path);
    const where = whereIs(storage, path);
    if (before?.outside) throw linked(where);
    if (before === undefined && FOR_PEOPLE.includes(path)) continue;
    if (before?.size !== bytes) {
      throw damaged(where, `${bytes} bytes`, before === undefined ? 'no such file' : `${before.size} bytes`);
    }
    if (hashes) {
      const found = await hashFile(storage, path);
      if (found !== sha256) throw damaged(where, `SHA-256 ${sha256.slice(0, 12)}…`, `${found.slice(0, 12)}…`);
    }
    versions.set(path, before.version);
  }
  await refuseUnlisted(storage, manifest);
  if (storage.locate) await refuseUnlistedWeights(storage, manifest);
  const requireUnchanged = async () => {
    for (const [path, version] of versions) {
      const now = await storage.stat(path);
      if (now === undefined || now.version !== version) throw replaced(whereIs(storage, path));
    }
  };
  await requireUnchanged();
  return { requireUnchanged };
}

/** What may be left out where a bundle is served; where it is there, it is what the manifest says. */
const FOR_PEOPLE = [VERIFICATION, 'report.html', 'report.json'];

/** What a pipeline is made of; files beside these folders are nobody's to load. */
const LOADED =
  /^(model_index\.json$|inputs\.json$|inputs\/|(?:class_embedder|denoiser|planning|scheduler|text_encoder|tiny_decoder|tokenizer|vae_decoder|vae_encoder)\w*\/)/;

/** A file in a part's folder could be meant to be loaded. Those that systems hide are not. */
async function refuseUnlisted(storage: Storage, { files }: BundleManifest): Promise<void> {
  for (const path of await storage.list()) {
    const isHidden = path.split('/').some((part) => part.startsWith('.'));
    if (isHidden || !LOADED.test(path) || Object.hasOwn(files, path)) continue;
    throw new CacheQuantError('bundle', 'the file is not among those of the bundle', {
      where: whereIs(storage, path),
      hint: 'Remove it, or copy the bundle again.',
    });
  }
}

/** A runtime that opens a graph by its path opens what the graph names beside it. */
async function refuseUnlistedWeights(storage: Storage, { files }: BundleManifest): Promise<void> {
  for (const path of Object.keys(files).filter((name) => name.endsWith('.onnx'))) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    for (const location of await externalLocations(storage, path)) {
      if (Object.hasOwn(files, `${folder}${location}`)) continue;
      throw new CacheQuantError('bundle', 'the graph takes its weights from a file that is not listed', {
        where: whereIs(storage, path),
        got: location,
        hint: 'Copy the bundle again, or optimize the model again.',
      });
    }
  }
}

function whereIs(storage: Storage, path: string): string {
  return storage.locate?.(path) ?? path;
}

function damaged(where: string, expected: string, got: string): CacheQuantError {
  return new CacheQuantError('bundle', 'the file is not the one that the bundle was made with', {
    where,
    expected,
    got,
    hint: 'Copy the bundle again, or optimize the model again.',
  });
}

function linked(where: string): CacheQuantError {
  return new CacheQuantError('bundle', 'a link leads out of the bundle', {
    where,
    expected: 'files of its own, as `cachequant optimize` writes them',
    hint: 'Do not use a bundle of which you do not know where it came from.',
  });
}

function replaced(where: string): CacheQuantError {
  return new CacheQuantError('bundle', 'the file has changed since it was checked', {
    where,
    hint: 'Load the bundle again when nothing writes into it any more.',
  });
}

/** Every file but the manifest is listed in it; bundles of earlier versions do not list their verification. */
export function requireListed(manifest: BundleManifest, path: string, storage: Storage): void {
  if (Object.hasOwn(manifest.files, path) || manifest.sha256 === undefined) return;
  throw new CacheQuantError('bundle', `the file is not listed in ${MANIFEST}`, {
    where: whereIs(storage, path),
    ...(path === VERIFICATION && { hint: 'Remove it, or copy the bundle again.' }),
  });
}
