import { encodeModel, type OnnxModel, readModel, readWeightBytes } from '@cachequant/onnx';
import type { Storage } from '@cachequant/tensor';
import { checkpointStorage, openComponent } from './checkpoint-graphs.js';

/**
 * The graph of a tiny decoder with its weights in it, which are a few megabytes.
 * @param path of the graph; left out: it is built of the safetensors
 */
export async function readGraph(tiny: Storage, path: string | undefined): Promise<Uint8Array> {
  if (path !== undefined) return encodeModel(await withWeights(await readModel(tiny, path)));
  const component = await openComponent(tiny, '', await tiny.list());
  const shown = await checkpointStorage(tiny, new Map([['taesd', component]]));
  return encodeModel(await withWeights(await readModel(shown, 'tiny_decoder/model.onnx')));
}

async function withWeights(model: OnnxModel): Promise<OnnxModel> {
  for (const [name, weight] of model.graph.initializers) {
    const data = { kind: 'bytes', bytes: await readWeightBytes(weight) } as const;
    model.graph.initializers.set(name, { ...weight, data });
  }
  return model;
}
