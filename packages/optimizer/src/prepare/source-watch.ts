import type { ConditioningRecipe, ModelFolder } from '@cachequant/pipeline';
import { hashFile, hashText } from '@cachequant/pipeline/internals';
import { CacheQuantError, type FileStat, type Storage, throwIfAborted } from '@cachequant/tensor';
import { type ModelFiles, modelFiles } from './model-files.js';

/** A model as a run has found it, which it must remain until the run is done. */
export interface SourceWatch {
  readonly files: ModelFiles;
  /** Of path and content of every file that the results depend on. */
  readonly fingerprint: string;
  /**
   * Looks whether the files are what they were; one that only looks different is read again.
   * @throws CacheQuantError `storage` naming the file that has changed, `aborted`
   */
  check(signal?: AbortSignal): Promise<void>;
}

/** Hashes a file, and may know the hash already. */
export type HashFile = (storage: Storage, path: string) => Promise<string>;

/** How a model's files are told and read. */
export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** In place of reading each file whole. */
  readonly hash?: HashFile | undefined;
  /** Of its conditioning. */
  readonly recipe?: ConditioningRecipe | undefined;
}

/** Reads every file of a model once. */
export async function watchSource(
  folder: ModelFolder,
  { signal, hash = hashFile, recipe }: WatchOptions = {},
): Promise<SourceWatch> {
  const { storage } = folder;
  const files = await modelFiles(folder, recipe);
  const known = new Map<string, WatchedFile>();
  for (const path of [...files.denoiser, ...files.others].sort()) {
    throwIfAborted(signal);
    known.set(path, await readWhole(storage, path, hash));
  }
  return {
    files,
    fingerprint: hashText([...known].map(([path, { sha256 }]) => `${path}:${sha256}`).join('\n')),
    async check(stop) {
      for (const [path, before] of known) {
        throwIfAborted(stop);
        const now = await storage.stat(path);
        if (now?.size !== before.stat.size) throw changed(storage, path);
        if (now.version !== undefined && now.version === before.stat.version) continue;
        const again = await readWhole(storage, path, hash);
        if (again.sha256 !== before.sha256) throw changed(storage, path);
        known.set(path, again);
      }
    },
  };
}

/**
 * Of path and content of every file of a model that pictures depend on, as bundles name their source.
 * @param hash in place of reading each file whole
 */
export async function modelFingerprint(
  folder: ModelFolder,
  { signal, hash }: { readonly signal?: AbortSignal | undefined; readonly hash?: HashFile } = {},
): Promise<string> {
  return (await watchSource(folder, { signal, hash })).fingerprint;
}

interface WatchedFile {
  readonly stat: FileStat;
  readonly sha256: string;
}

/** A hash, and the version that it belongs to. */
async function readWhole(storage: Storage, path: string, hash: HashFile): Promise<WatchedFile> {
  const stat = await storage.stat(path);
  const sha256 = await hash(storage, path);
  const after = await storage.stat(path);
  if (stat === undefined || stat.size !== after?.size || stat.version !== after.version) {
    throw changed(storage, path);
  }
  return { stat, sha256 };
}

function changed(storage: Storage, path: string): CacheQuantError {
  return new CacheQuantError('storage', 'the model has changed while it was optimized', {
    where: storage.locate?.(path) ?? path,
    hint: 'Run the same again when nothing writes into the folder any more.',
  });
}
