import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CacheQuantError, type ModelSource } from '@cachequant/tensor';
import { bytesThroughLinks, fileThroughLinks } from './linked-data.js';
import type { LoadRequest } from './protocol.js';
import { storageError } from './storage-error.js';

export interface OpenedModel extends Pick<LoadRequest, 'model' | 'externalData' | 'externalFolder'> {
  /** How messages call the model. */
  readonly label: string;
  readonly size: number;
}

/**
 * Makes a source ready for the worker: a path that exists, or copied bytes.
 *
 * @throws CacheQuantError `storage` for a missing file, `unsupported` for a URL that is not a file's
 */
export async function openModel(source: ModelSource): Promise<OpenedModel> {
  if ('bytes' in source) {
    const externalData = [...(source.externalData ?? [])].map(([path, bytes]) => ({
      path,
      buffer: copyOf(bytes),
    }));
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
