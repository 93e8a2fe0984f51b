import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import { openWeights } from './open-weights.js';
import type { Component } from './single-file/open-single-file.js';

/** A model in a diffusers folder. */
export interface DiffusersFolder {
  /** The parts with weights, such as `unet`, `text_encoder`, by their folders. */
  readonly components: ReadonlyMap<string, Component>;
  /** The `model_index.json`; undefined for a folder of a single part. */
  readonly modelIndex: Readonly<Record<string, unknown>> | undefined;
}

/** Parts that generating pictures does not need. */
const NOT_NEEDED = new Set(['safety_checker', 'feature_extractor', 'image_encoder']);

/**
 * Opens a model as diffusers saves it: the configuration and the weights of each part. A folder without a
 * `model_index.json` is one part, under the name ''. Only configurations and headers are read.
 *
 * @param folder '' is the root of the storage
 * @param options.variant such as `fp16`; parts without it are taken plain
 * @throws CacheQuantError `storage` when there is no configuration, `checkpoint-format` for malformed ones, and as
 *   `openWeights` does
 */
export async function openDiffusersFolder(
  storage: Storage,
  folder = '',
  options: { variant?: string } = {},
): Promise<DiffusersFolder> {
  const within = (path: string) => [folder, path].filter((part) => part !== '').join('/');
  const indexPath = within('model_index.json');
  const modelIndex = (await storage.stat(indexPath)) && (await readObject(storage, indexPath));
  const parts = modelIndex === undefined ? [''] : partsOf(modelIndex);
  const components = new Map<string, Component>();
  for (const part of parts) {
    const configPath = within(part === '' ? 'config.json' : `${part}/config.json`);
    // Schedulers and tokenizers have configurations of other names, and no weights.
    if (modelIndex !== undefined && (await storage.stat(configPath)) === undefined) continue;
    const config = await readObject(storage, configPath);
    components.set(part, { config, weights: await openPart(storage, within(part), options.variant) });
  }
  return { components, modelIndex };
}

function partsOf(index: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(index)
    .filter(([name, value]) => !name.startsWith('_') && Array.isArray(value) && typeof value[1] === 'string')
    .map(([name]) => name)
    .filter((name) => !NOT_NEEDED.has(name) && /^\w+$/.test(name));
}

/** A variant is often of the large parts alone. */
async function openPart(storage: Storage, folder: string, variant: string | undefined) {
  if (variant === undefined) return openWeights(storage, folder);
  try {
    return await openWeights(storage, folder, { variant });
  } catch (error) {
    if (CacheQuantError.is(error) && error.code === 'invalid-argument') return openWeights(storage, folder);
    throw error;
  }
}

async function readObject(storage: Storage, path: string): Promise<Record<string, unknown>> {
  if ((await storage.stat(path)) === undefined) {
    throw new CacheQuantError('storage', 'there is no such file', {
      where: path,
      hint: 'A diffusers folder has a model_index.json, or a config.json beside its weights',
    });
  }
  const text = await readText(storage, path);
  try {
    const value: unknown = parseJson(text, path);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new CacheQuantError('checkpoint-format', 'the configuration is not a JSON object', {
    where: path,
    got: JSON.stringify(text.slice(0, 40)),
  });
}
