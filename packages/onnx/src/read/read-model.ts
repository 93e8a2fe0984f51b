import { type ByteSource, openSource, type Storage } from '@cachequant/tensor';
import { DEFAULT_LIMITS, type Limits } from '../limits.js';
import type { OnnxModel } from '../model.js';
import { locationsOf, resolveExternalData } from './external-data.js';
import { parseFile } from './parse-model.js';
import { scanModel } from './scan.js';

/** Bounds that replace {@link DEFAULT_LIMITS}, and a signal that stops the reading. */
export interface ReadOptions {
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
}

/**
 * Opens a model of any size: weights above 4 KiB stay where they are, in the file or in its external data.
 * @throws CacheQuantError `storage` for a missing file, `onnx-format`, `aborted`
 */
export async function readModel(
  storage: Storage,
  path: string,
  options: ReadOptions = {},
): Promise<OnnxModel> {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const model = await readModelFrom(await openSource(storage, path), options);
  await resolveExternalData(model, path, (location) => openSource(storage, `${folder}${location}`));
  return model;
}

/** Like `readModel`, from any source of bytes; external data stays `external`. */
export async function readModelFrom(source: ByteSource, options: ReadOptions = {}): Promise<OnnxModel> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return parseFile(await scanModel(source, { limits, signal: options.signal }), limits);
}

/**
 * The files beside a model that its weights lie in, relative to its folder; they need not be there.
 * @throws CacheQuantError `onnx-format` also for a location that leaves the folder, `storage` for a missing model
 */
export async function externalLocations(
  storage: Storage,
  path: string,
  options: ReadOptions = {},
): Promise<string[]> {
  return locationsOf(await readModelFrom(await openSource(storage, path), options));
}
