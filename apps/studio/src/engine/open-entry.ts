import { httpStorage, type ModelCache, type ProgressCallback } from '@cachequant/runtime-web';
import type { Storage } from '@cachequant/tensor';
import type { CatalogEntry } from './catalog.js';
import { whileOpening } from './while-opening.js';

/** Files that making images does not need: integers run on WebAssembly, and WebGPU takes the bundle in float. */
const LATER = /^(planning\/|plan\.json$|verification\.json$|report\.html$|README\.md$)|\.float(16|32)\.onnx$/;

/** Files that the page never reads. */
const FOR_PEOPLE = /^(report\.html|README\.md)$/;

/** Downloads everything of a model that the page may ever read, so that it needs no network for it. */
export async function keepEntry(
  entry: CatalogEntry,
  options: { cache: ModelCache; onProgress: ProgressCallback },
): Promise<void> {
  const storage = httpStorage(entry.url, { ...options, files: entry.files });
  await storage.download(Object.keys(entry.files).filter((path) => !FOR_PEOPLE.test(path)));
}

/** Downloads a model of the site; everything is known of its files, so nothing has to be asked for. */
export function openEntry(
  entry: CatalogEntry,
  { signal, ...options }: { cache: ModelCache; onProgress: ProgressCallback; signal: AbortSignal },
): Promise<Storage> {
  return whileOpening(signal, async (lent) => {
    const storage = httpStorage(entry.url, { ...options, files: entry.files, signal: lent });
    await storage.download(Object.keys(entry.files).filter((path) => !LATER.test(path)));
    return storage;
  });
}
