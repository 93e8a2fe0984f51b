import type { Part } from '@cachequant/architectures';
import { findWeightFiles, openWeights } from '@cachequant/checkpoint';
import { encodeModel } from '@cachequant/onnx';
import type { Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { layeredStorage, type VirtualFile } from './layered-storage.js';
import { readJson } from './read-json.js';

/** A part of a pipeline, as diffusers saves it, and the folders in which exporters put its graphs. */
interface CheckpointPart {
  readonly folder: string;
  readonly graphs: readonly { readonly folder: string; readonly part: Part }[];
}

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

const configSchema = z.record(z.string(), z.unknown());

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
    for (const [path, file] of await filesOf(storage, part, hiddenStates)) virtual.set(path, file);
    if (part.graphs.every(({ folder }) => folder !== part.folder)) hidden.push(part.folder);
  }
  return virtual.size === 0 ? undefined : layeredStorage(storage, virtual, hidden);
}

async function isCheckpoint(storage: Storage, { folder, graphs }: CheckpointPart): Promise<boolean> {
  const names = (await storage.list(folder)).map((path) => path.slice(folder.length + 1));
  const exported = await Promise.all(graphs.map(({ folder: place }) => storage.list(place)));
  const hasGraph = exported.flat().some((path) => path.endsWith('.onnx'));
  const weights = findWeightFiles(names.filter((name) => !name.includes('/')));
  return !hasGraph && names.includes('config.json') && weights.length > 0;
}

/** The graphs of a part and, where they are in another folder, what they need beside them. */
async function filesOf(
  storage: Storage,
  { folder, graphs }: CheckpointPart,
  hiddenStates: boolean,
): Promise<[string, VirtualFile][]> {
  // Pages that open exported models alone need not fetch it.
  const { buildGraph, classOf, findArchitecture } = await import('@cachequant/architectures');
  const config = await readJson(storage, `${folder}/config.json`, configSchema);
  const beside = await storage.list(folder);
  const has = findArchitecture(classOf(config))?.parts;
  const weights = await openWeights(storage, folder);
  const names = [...weights.names()];
  return graphs.flatMap(({ folder: place, part }): [string, VirtualFile][] => {
    if (has !== undefined && !(part in has)) return [];
    // Some autoencoders are published as decoders alone.
    if (part !== 'model' && !names.some((name) => name.startsWith(`${part}.`))) return [];
    const build = async () => encodeModel(buildGraph({ config, weights, part, folder, hiddenStates }).model);
    const aliases = place === folder ? [] : beside;
    return [
      [`${place}/model.onnx`, { make: once(build) }],
      ...aliases.map((path): [string, VirtualFile] => [
        `${place}${path.slice(folder.length)}`,
        { target: path },
      ]),
    ];
  });
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
