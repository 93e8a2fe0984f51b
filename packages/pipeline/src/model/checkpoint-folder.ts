import type { Storage } from '@cachequant/tensor';
import type { CheckpointPart } from './checkpoint-part.js';
import { layeredStorage, type VirtualFile } from './layered-storage.js';

const single = (folder: string): CheckpointPart => ({ folder, graphs: [{ folder, part: 'model' }] });
const autoencoder = (folder: string): CheckpointPart => ({
  folder,
  graphs: [
    { folder: 'vae_decoder', part: 'decoder' },
    { folder: 'vae_encoder', part: 'encoder' },
  ],
});

const PARTS: readonly CheckpointPart[] = [
  ...['unet', 'transformer', 'text_encoder', 'text_encoder_2', 'text_encoder_3'].map(single),
  ...['vae', 'vqvae'].map(autoencoder),
];

/**
 * A folder of safetensors, as diffusers saves a pipeline, in the layout of exported models: graphs are built from the
 * configurations when they are asked for, and read their weights from the files of the folder. Nothing is written.
 * Parts that have a graph already keep it.
 * @returns undefined for a folder without such parts
 * @throws CacheQuantError `unsupported` for a part of a class that graphs cannot be built of
 */
export async function checkpointFolder(storage: Storage): Promise<Storage | undefined> {
  const virtual = new Map<string, VirtualFile>();
  const hidden: string[] = [];
  // Pipelines with several text encoders take the states of an inner layer.
  const hiddenStates = (await storage.list('text_encoder_2')).length > 0;
  for (const part of PARTS) {
    if (!(await isCheckpoint(storage, part))) continue;
    const { graphsOf } = await import('./checkpoint-graphs.js');
    for (const [path, file] of await graphsOf(storage, part, hiddenStates)) virtual.set(path, file);
    if (part.graphs.every(({ folder }) => folder !== part.folder)) hidden.push(part.folder);
  }
  return virtual.size === 0 ? undefined : layeredStorage(storage, virtual, hidden);
}

async function isCheckpoint(storage: Storage, { folder, graphs }: CheckpointPart): Promise<boolean> {
  const names = (await storage.list(folder)).map((path) => path.slice(folder.length + 1));
  const exported = await Promise.all(graphs.map(({ folder: place }) => storage.list(place)));
  const hasGraph = exported.flat().some((path) => path.endsWith('.onnx'));
  if (hasGraph || !names.includes('config.json')) return false;
  // What reads checkpoints and builds graphs is fetched by pages that open some, not by those of exported models.
  const { findWeightFiles } = await import('./checkpoint-graphs.js');
  return findWeightFiles(names.filter((name) => !name.includes('/'))).length > 0;
}
