import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ByteSource, CacheQuantError, type ModelSource } from '@cachequant/tensor';
import { bytesThroughLinks, fileThroughLinks } from './linked-data.js';
import type { LoadRequest } from './protocol.js';
import { spoolData } from './spooled-data.js';
import { storageError } from './storage-error.js';

export interface OpenedModel extends Pick<LoadRequest, 'model' | 'externalData' | 'externalFolder'> {
  /** How messages call the model. */
  readonly label: string;
  readonly size: number;
  /** Takes away temporary files of the model. */
  readonly release?: () => Promise<void>;
}

/**
 * Makes a source ready for the worker: a path that exists, or copied bytes.
 *
 * @throws CacheQuantError `storage` for a missing file, `unsupported` for a URL that is not a file's
 */
export async function openModel(source: ModelSource): Promise<OpenedModel> {
  if ('bytes' in source) {
    const spooled = await spooledModel(source);
    if (spooled) return spooled;
    const externalData: { path: string; buffer: ArrayBuffer }[] = [];
    for (const [path, data] of source.externalData ?? []) {
      externalData.push({ path, buffer: copyOf(await wholeOf(data)) });
    }
    const size = externalData.reduce((sum, { buffer }) => sum + buffer.byteLength, source.bytes.byteLength);
    const externalFolder = source.externalFolder && resolve(source.externalFolder);
    const opened = { label: 'model bytes', model: copyOf(source.bytes), externalData, externalFolder, size };
    if (externalFolder === undefined || externalData.length > 0) return opened;
    return { ...opened, ...(await bytesThroughLinks(source.bytes, externalFolder)) };
  }
  const path = resolve('url' in source ? pathOfUrl(source.url) : source.path);
  try {
    const { size } = await stat(path);
    return {
      label: path,
      model: path,
      externalData: [],
      externalFolder: undefined,
      size,
      ...(await fileThroughLinks(path)),
    };
  } catch (error) {
    throw storageError(error, 'load', path);
  }
}

type BytesSource = Extract<ModelSource, { readonly bytes: Uint8Array }>;

/** External data that are sources go to temporary files; undefined where there are none, or no room for them. */
async function spooledModel({
  bytes,
  externalData,
  externalFolder,
}: BytesSource): Promise<OpenedModel | undefined> {
  const hasSources = [...(externalData?.values() ?? [])].some((data) => !(data instanceof Uint8Array));
  if (externalData === undefined || externalFolder !== undefined || !hasSources) return undefined;
  const spooled = await spoolData(externalData);
  if (spooled === undefined) return undefined;
  const sizes = [...externalData.values()].map((data) =>
    data instanceof Uint8Array ? data.byteLength : data.size,
  );
  return {
    label: 'model bytes',
    model: copyOf(bytes),
    externalData: [],
    externalFolder: spooled.folder,
    size: sizes.reduce((sum, size) => sum + size, bytes.byteLength),
    release: spooled.remove,
  };
}

async function wholeOf(data: Uint8Array | ByteSource): Promise<Uint8Array> {
  return data instanceof Uint8Array ? data : data.read(0, data.size);
}

/** A copy in memory of its own, which can be moved to the worker. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new CacheQuantError('unsupported', 'this runtime opens files only', {
      where: 'load',
      expected: 'a file: URL',
      got: url,
      hint: 'Download the model first and load it by its path',
      cause,
    });
  }
}
