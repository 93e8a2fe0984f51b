import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import {
  type Family,
  findWeightFiles,
  type LonePart,
  openPart,
  openWeightFile,
  openWeights,
} from '@cachequant/checkpoint';
import type { PlacedComponent } from '@cachequant/pipeline';
import { mountedStorage } from '@cachequant/pipeline/internals';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, openSource, type Storage } from '@cachequant/tensor';
import { readConfig } from './component-config.js';
import { fetchModel, isModelId } from './hub-model.js';
import type { SourceContext } from './source-context.js';

/** Parts of a model that its single file lacks, or that are to stand in place of those in it: a path or an id each. */
export type GivenParts = Readonly<Partial<Record<LonePart, string>>>;

/** The options that name parts. */
export const PART_OPTIONS: Readonly<Record<LonePart, string>> = {
  vae: '--vae',
  text_encoder: '--text-encoder',
  text_encoder_2: '--text-encoder-2',
};

/** The model that parts are given to. */
export interface GivenTo {
  readonly family: Family;
  /** Of the folder of configurations, for files, which have none of their own. */
  readonly configs: Readonly<Partial<Record<LonePart, PlacedComponent['config']>>>;
}

/** A part from elsewhere, and the storage that its paths belong to. */
export interface OpenedPart {
  readonly storage: Storage;
  /** A folder that storage is mounted at. */
  readonly mount: string;
  readonly component: PlacedComponent;
}

/**
 * Opens parts that were given beside a single file: a folder as diffusers saves it, a pipeline's folder, one file of
 * weights, or the id of one of these on the Hub.
 * @throws CacheQuantError `storage` where there is nothing, and as `openPart` and `openWeights` do
 */
export async function openGivenParts(
  given: GivenParts,
  model: GivenTo,
  context: SourceContext,
): Promise<ReadonlyMap<LonePart, OpenedPart>> {
  const opened = new Map<LonePart, OpenedPart>();
  for (const [part, place] of Object.entries(given) as [LonePart, string][]) {
    opened.set(part, await openGivenPart(part, place, model, context));
  }
  return opened;
}

async function openGivenPart(
  part: LonePart,
  place: string,
  model: GivenTo,
  context: SourceContext,
): Promise<OpenedPart> {
  const path = resolve(context.cwd, place);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return ofFile(part, path, model);
  if (found?.isDirectory()) return ofFolder(part, path, model, place);
  if (isModelId(place)) {
    const { revision: _, ...ofPart } = context;
    return ofFolder(part, (await fetchModel(place, path, ofPart)).folder, model, place);
  }
  throw new CacheQuantError('storage', 'there is no such file or folder', {
    where: `${PART_OPTIONS[part]} ${place}`,
    ...(path !== place && { got: path }),
  });
}

/** Not a name that a model's own folders or files have. */
const mountOf = (part: LonePart): string => `.given-${part}`;

async function ofFile(part: LonePart, path: string, { family, configs }: GivenTo): Promise<OpenedPart> {
  const mount = mountOf(part);
  const storage = nodeStorage(dirname(path));
  const file = `${mount}/${basename(path)}`;
  const weights = await openWeightFile(await openSource(mounted(mount, storage), file));
  const opened = openPart(weights, part, family);
  const config = configs[part] ?? opened.config;
  const component = { ...opened, config, folder: mount, files: [file] };
  return { storage, mount, component };
}

async function ofFolder(part: LonePart, folder: string, model: GivenTo, given: string): Promise<OpenedPart> {
  const whole = nodeStorage(folder);
  // A pipeline's folder has the part in one of its own.
  const own = (await whole.stat(`${part}/config.json`)) !== undefined;
  const storage = own ? nodeStorage(resolve(folder, part)) : whole;
  const config = await readConfig(storage, 'config.json');
  const names = (await storage.list()).filter((name) => !name.includes('/'));
  const single = names.filter((name) => name.endsWith('.safetensors'));
  if (config === undefined && single.length === 1) return ofFile(part, resolve(folder, single[0]!), model);
  const [weightFiles] = findWeightFiles(names);
  if (config === undefined || weightFiles === undefined) {
    throw new CacheQuantError('storage', 'the folder holds no such part in safetensors', {
      where: `${PART_OPTIONS[part]} ${given}`,
      expected: `config.json and a .safetensors file, there or in ${part}/`,
      got: names.slice(0, 10).join(', ') || 'no files',
      hint: 'Give the folder that diffusers saved, or one .safetensors file',
    });
  }
  const mount = mountOf(part);
  const weights = await openWeights(mounted(mount, storage), mount);
  const component = { config, weights, folder: mount, files: names.map((name) => `${mount}/${name}`) };
  return { storage, mount, component };
}

/** With lists of its own, by which files of weights are found. */
function mounted(mount: string, storage: Storage): Storage {
  const list = async () => (await storage.list()).map((name) => `${mount}/${name}`);
  return { ...mountedStorage(storage, new Map([[mount, storage]])), list };
}
