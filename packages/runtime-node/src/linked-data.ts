import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { externalLocations } from '@cachequant/tensor/worker-runtime';
import type { LoadRequest } from './protocol.js';
import { readRange } from './read-range.js';

type Loading = Pick<LoadRequest, 'model' | 'externalData' | 'externalFolder'>;

/**
 * How to load a model that is a file, when external data beside it are links: ONNX Runtime refuses those that leave the
 * folder of the model, so they are followed before.
 *
 * @returns nothing where there are no links, or none that would be refused
 */
export async function fileThroughLinks(path: string): Promise<Partial<Loading>> {
  const folder = dirname(path);
  if (!(await hasLinks(folder))) return {};
  const bytes = await readRange(path);
  // A snapshot of a Hugging Face cache: model and data are links to neighbours, which is allowed.
  const found = await followLinks(bytes, folder, dirname(await realpath(path)));
  if (found === undefined) return {};
  return 'externalFolder' in found ? { ...found, model: bytes.buffer as ArrayBuffer } : found;
}

/** The same for a model in memory, whose external data lie in a folder. */
export async function bytesThroughLinks(bytes: Uint8Array, folder: string): Promise<Partial<Loading>> {
  if (!(await hasLinks(folder))) return {};
  const found = await followLinks(bytes, folder, await realpath(folder));
  return found && 'externalData' in found ? { ...found, externalFolder: undefined } : (found ?? {});
}

type Found = Pick<Loading, 'externalFolder'> | Pick<Loading, 'externalData'>;

/**
 * Data that all lie in one other folder under their own names are opened there; others are read into memory.
 * @param home where ONNX Runtime allows them to lie
 * @returns undefined where all of them lie there, or one is missing
 */
async function followLinks(bytes: Uint8Array, folder: string, home: string): Promise<Found | undefined> {
  const data: { location: string; place: string }[] = [];
  for (const location of externalLocations(bytes).filter(isInside)) {
    const place = await realpath(join(folder, location)).catch(() => undefined);
    // A file that is not there is named by ONNX Runtime.
    if (place === undefined) return undefined;
    data.push({ location, place });
  }
  if (data.every(({ place }) => dirname(place) === home)) return undefined;
  const externalFolder = dirname(data[0]!.place);
  if (
    data.every(({ location, place }) => dirname(place) === externalFolder && basename(place) === location)
  ) {
    return { externalFolder };
  }
  const externalData: { path: string; buffer: ArrayBuffer }[] = [];
  for (const { location, place } of data) {
    externalData.push({ path: location, buffer: (await readRange(place)).buffer as ArrayBuffer });
  }
  return { externalData };
}

async function hasLinks(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.some((entry) => entry.isSymbolicLink());
}

/** What is not is left to ONNX Runtime to refuse. */
function isInside(location: string): boolean {
  return !location.startsWith('/') && !/^[A-Za-z]:|\\/.test(location) && !location.split('/').includes('..');
}
