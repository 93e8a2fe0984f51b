import type { WeightSource } from '@cachequant/checkpoint';
import type { Storage } from '@cachequant/tensor';
import { CHECKPOINT_PARTS } from './checkpoint-part.js';
import type { CheckpointStorageOptions, PlacedComponent } from './checkpoint-storage.js';
import { CONTROL_FOLDER } from './control/control-folders.js';

/** How a folder of safetensors is shown. */
export interface CheckpointFolderOptions extends Pick<CheckpointStorageOptions, 'files' | 'controlled'> {
  /** Gives other weights in place of those of the folder, by part, such as those with a LoRA. */
  readonly adapt?: (weights: ReadonlyMap<string, WeightSource>) => ReadonlyMap<string, WeightSource>;
  /** Gives the configuration of a part that goes with its adapted weights. */
  readonly configure?: (part: string, config: PlacedComponent['config']) => PlacedComponent['config'];
}

/**
 * A folder of safetensors, as diffusers saves a pipeline, in the layout of exported models (see `checkpointStorage`).
 * Parts that have a graph already keep it.
 * @returns undefined for a folder without such parts
 * @throws CacheQuantError `unsupported` for a part of a class that graphs cannot be built of
 */
export async function checkpointFolder(
  storage: Storage,
  {
    adapt = (weights) => weights,
    configure = (_, config) => config,
    files,
    controlled,
  }: CheckpointFolderOptions = {},
): Promise<Storage | undefined> {
  const opened = await openParts(storage);
  if (opened.size === 0) return undefined;
  const adapted = adapt(new Map([...opened].map(([name, { weights }]) => [name, weights])));
  const components = new Map(
    [...opened].map(([name, component]) => [
      name,
      { ...component, config: configure(name, component.config), weights: adapted.get(name)! },
    ]),
  );
  const hidden = [...opened.keys()].filter((name) =>
    CHECKPOINT_PARTS.get(name)!.every(({ folder }) => folder !== name),
  );
  const shows = (path: string) => !hidden.some((name) => path.startsWith(`${name}/`));
  const { checkpointStorage } = await import('./checkpoint-graphs.js');
  const hasControl = (await storage.list(CONTROL_FOLDER)).length > 0;
  return checkpointStorage(storage, components, { shows, files, controlled: controlled ?? hasControl });
}

/** The parts of a folder that are safetensors and have no graphs, by their folders. */
async function openParts(storage: Storage): Promise<Map<string, PlacedComponent>> {
  const components = new Map<string, PlacedComponent>();
  for (const folder of CHECKPOINT_PARTS.keys()) {
    const files = await storage.list(folder);
    if (!(await isCheckpoint(storage, folder, files))) continue;
    const { openComponent } = await import('./checkpoint-graphs.js');
    components.set(folder, await openComponent(storage, folder, files));
  }
  return components;
}

async function isCheckpoint(storage: Storage, folder: string, files: readonly string[]): Promise<boolean> {
  const names = files.map((path) => path.slice(folder.length + 1));
  const places = CHECKPOINT_PARTS.get(folder)!;
  const exported = await Promise.all(places.map(({ folder: place }) => storage.list(place)));
  const hasGraph = exported.flat().some((path) => path.endsWith('.onnx'));
  if (hasGraph || !names.includes('config.json')) return false;
  // What reads checkpoints and builds graphs is fetched by pages that open some, not by those of exported models.
  const { findWeightFiles } = await import('./checkpoint-graphs.js');
  return findWeightFiles(names.filter((name) => !name.includes('/'))).length > 0;
}
