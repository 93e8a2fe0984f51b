import { openWeights } from '@cachequant/checkpoint';
import type { Storage } from '@cachequant/tensor';
import { z } from 'zod';
import type { PlacedComponent } from './checkpoint-storage.js';
import { readJson } from './read-json.js';

export { findWeightFiles } from '@cachequant/checkpoint';
export { checkpointStorage } from './checkpoint-storage.js';

const configSchema = z.record(z.string(), z.unknown());

/** A part of a diffusers folder: its configuration and its weights, of which only headers are read. */
export async function openComponent(
  storage: Storage,
  folder: string,
  files: readonly string[],
): Promise<PlacedComponent> {
  const config = await readJson(
    storage,
    folder === '' ? 'config.json' : `${folder}/config.json`,
    configSchema,
  );
  return { config, weights: await openWeights(storage, folder), folder, files };
}
