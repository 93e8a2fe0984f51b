import { modelFingerprint } from '@cachequant/optimizer';
import { isBundle, MANIFEST, openModelFolder, readManifest } from '@cachequant/pipeline';
import { hashFile } from '@cachequant/pipeline/internals';
import type { PictureMetadata } from '../pictures/picture-metadata.js';
import { openHashCache } from './hash-cache.js';
import type { OpenedModelSource } from './open-model-source.js';

/** What a model is and how it samples by itself, for the pictures that it makes. */
export interface ModelIdentity {
  readonly model: PictureMetadata['model'];
  /** Class of the sampler in the folder; undefined where it says nothing. */
  readonly sampler: string | undefined;
}

/**
 * Reads every byte of a model folder, but for large files that an earlier run has read; a bundle's manifest stands for
 * all of its files.
 */
export async function modelIdentity(
  { storage, origin }: Pick<OpenedModelSource, 'storage' | 'origin'>,
  signal?: AbortSignal,
): Promise<ModelIdentity> {
  if (await isBundle(storage)) {
    const manifest = await readManifest(storage);
    const fingerprint = manifest.sha256 ?? (await storage.hash!(MANIFEST));
    return {
      model: { kind: 'bundle', name: origin.name, fingerprint },
      sampler: manifest.sampler.name,
    };
  }
  const opened = await openModelFolder(storage);
  const hashes = await openHashCache();
  const fingerprint = await modelFingerprint(opened, {
    signal,
    hash: (of, path) => hashes.hash(of, path, () => hashFile(of, path)),
  });
  await hashes.save();
  return {
    model: { kind: 'folder', name: origin.name, fingerprint },
    sampler: opened.scheduler?._class_name,
  };
}
