import { buildGraph, classOf, findArchitecture } from '@cachequant/architectures';
import { openWeights } from '@cachequant/checkpoint';
import { encodeModel } from '@cachequant/onnx';
import type { Storage } from '@cachequant/tensor';
import { z } from 'zod';
import type { CheckpointPart } from './checkpoint-part.js';
import type { VirtualFile } from './layered-storage.js';
import { readJson } from './read-json.js';

export { findWeightFiles } from '@cachequant/checkpoint';

const configSchema = z.record(z.string(), z.unknown());

/** The graphs of a part and, where they are in another folder, what they need beside them. */
export async function graphsOf(
  storage: Storage,
  { folder, graphs }: CheckpointPart,
  hiddenStates: boolean,
): Promise<[string, VirtualFile][]> {
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
