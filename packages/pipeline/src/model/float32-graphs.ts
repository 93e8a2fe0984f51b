import { computeInFloat32, encodeModel, type OnnxModel, readModelFrom } from '@cachequant/onnx';
import { type ByteSource, CacheQuantError, openSource, type Storage } from '@cachequant/tensor';
import { layeredStorage, type VirtualFile } from './layered-storage.js';

/** Ends the name under which a graph's own file is there for the weights inside of it. */
const STORED = '.stored';

/**
 * Shows graphs that compute in 16 bits, as exporters write them for graphics cards, as graphs that compute in float32 over
 * the same files: processors compute in it, and integers are calibrated against it. Weights stay in their files, in 16
 * bits.
 * @param paths graphs of the storage; what cannot be read is left to whoever reads it next
 * @returns the storage itself where all of them compute in float32 already
 */
export async function float32Graphs(storage: Storage, paths: readonly string[]): Promise<Storage> {
  const files = new Map<string, VirtualFile>();
  for (const path of paths) {
    const source = await openSource(storage, path);
    const model = await readableGraph(source);
    const wide = model && computeInFloat32(model);
    if (wide === undefined) continue;
    const stored = `${path}${STORED}`;
    keepWeightsIn(wide, source, stored.slice(stored.lastIndexOf('/') + 1));
    files.set(path, { make: async () => encodeModel(wide) });
    files.set(stored, { target: path, unlisted: true });
  }
  return files.size === 0 ? storage : layeredStorage(storage, files);
}

async function readableGraph(source: ByteSource): Promise<OnnxModel | undefined> {
  try {
    return await readModelFrom(source);
  } catch (error) {
    if (CacheQuantError.is(error) && error.code === 'onnx-format') return undefined;
    throw error;
  }
}

/** Weights inside of a graph's file become external data of the rewritten graph, in that file. */
function keepWeightsIn({ graph }: OnnxModel, source: ByteSource, location: string): void {
  for (const weight of graph.initializers.values()) {
    const { data } = weight;
    if (data.kind !== 'range' || data.source !== source) continue;
    weight.data = { kind: 'external', location, offset: data.offset, length: data.length };
  }
}
