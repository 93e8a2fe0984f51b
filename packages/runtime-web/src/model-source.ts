import { CacheQuantError, type LoadOptions, type ModelSource } from '@cachequant/tensor';
import { externalLocations } from '@cachequant/tensor/worker-runtime';
import { fetchBytes } from './fetch-bytes.js';
import type { LoadRequest } from './protocol.js';

export interface OpenedModel extends Pick<LoadRequest, 'model' | 'externalData'> {
  /** How messages call the model. */
  readonly label: string;
}

/**
 * Makes a source ready for the worker: a copy of the given bytes, or what is at the address, with the external data
 * that lies beside it.
 *
 * @throws CacheQuantError `storage` when a file cannot be fetched, `unsupported` for a path
 */
export async function openModel(source: ModelSource, options: LoadOptions): Promise<OpenedModel> {
  if ('bytes' in source) return openBytes(source, options);
  if ('url' in source) return openUrl(source.url, options);
  throw noFiles(source.path);
}

function noFiles(path: string): CacheQuantError {
  return new CacheQuantError('unsupported', 'a page cannot open files by their path', {
    where: 'load',
    got: path,
    hint: 'Give the bytes, or a URL',
  });
}

type BytesSource = Extract<ModelSource, { readonly bytes: Uint8Array }>;

async function openBytes(
  { bytes, externalData = new Map(), externalFolder }: BytesSource,
  { onProgress }: LoadOptions,
): Promise<OpenedModel> {
  if (externalFolder !== undefined) throw noFiles(externalFolder);
  const files: { path: string; buffer: ArrayBuffer }[] = [];
  for (const [path, data] of externalData) {
    // A page has no files to write them to.
    files.push({ path, buffer: copyOf(data instanceof Uint8Array ? data : await data.read(0, data.size)) });
  }
  const size = files.reduce((sum, { buffer }) => sum + buffer.byteLength, bytes.byteLength);
  onProgress?.({ loadedBytes: size, totalBytes: size });
  return { label: 'model bytes', model: copyOf(bytes), externalData: files };
}

async function openUrl(url: string, { onProgress, signal }: LoadOptions): Promise<OpenedModel> {
  const address = new URL(url, globalThis.location?.href).href;
  let before = 0;
  const fetchOne = async (file: string) => {
    const bytes = await fetchBytes(file, {
      signal,
      onProgress: ({ loadedBytes }) =>
        onProgress?.({ loadedBytes: before + loadedBytes, totalBytes: undefined }),
    });
    before += bytes.byteLength;
    return bytes;
  };
  const model = await fetchOne(address);
  const externalData: { path: string; buffer: ArrayBuffer }[] = [];
  for (const path of externalLocations(model)) {
    const bytes = await fetchOne(new URL(path, address).href);
    externalData.push({ path, buffer: bytes.buffer as ArrayBuffer });
  }
  onProgress?.({ loadedBytes: before, totalBytes: before });
  return { label: address, model: model.buffer as ArrayBuffer, externalData };
}

/** A copy in memory of its own, which can be moved to the worker. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
