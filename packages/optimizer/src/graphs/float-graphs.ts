import {
  byteLengthOfData,
  cloneModel,
  createWeightFile,
  type OnnxModel,
  openSource,
  readModelFrom,
  shapeConstants,
  type WeightFile,
  writeModel,
} from '@cachequant/onnx';
import type { Storage } from '@cachequant/tensor';

/** Initializers up to this many bytes stay inside the graph's file. */
const INLINE_BYTES = 1024;

/** Writes the large weights of several graphs into one file, once each. */
export async function writeSharedWeights(
  storage: Storage,
  path: string,
  location: string,
  models: readonly OnnxModel[],
): Promise<OnnxModel[]> {
  const file = await createWeightFile(storage, path, { location });
  try {
    const moved: OnnxModel[] = [];
    for (const model of models) moved.push(await moveWeights(model, file));
    await file.commit();
    return moved;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** The model with its large initializers in the file; the model given stays as it was. */
async function moveWeights(model: OnnxModel, file: WeightFile): Promise<OnnxModel> {
  const moved = cloneModel(model);
  const inline = shapeConstants(moved.graph);
  for (const [name, weight] of moved.graph.initializers) {
    const { data } = weight;
    if (data.kind === 'external' || inline.has(name) || byteLengthOfData(data) <= INLINE_BYTES) continue;
    moved.graph.initializers.set(name, { ...weight, data: await file.add(weight) });
  }
  return moved;
}

/** Reads a graph whose large weights go on being those of the file beside it. */
export async function readGraph(storage: Storage, path: string): Promise<OnnxModel> {
  return readModelFrom(await openSource(storage, path));
}

/** Writes a graph whose large weights are in a file already. */
export async function writeGraph(storage: Storage, path: string, model: OnnxModel): Promise<void> {
  await writeModel(storage, path, model);
}
