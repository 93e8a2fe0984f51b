import { GraphIndex, type OnnxGraph } from '@cachequant/onnx';
import { CACHE_NAME } from '../calibration-context.js';
import type { AnalyzedGraph } from './denoiser-graphs.js';

/**
 * Ids of the layers that read the cached tensor directly, or through operators that are no layers (a
 * concatenation, a norm, an activation): those whose input the cache and its correction change first.
 */
export function layersReadingCache({ model, layers }: AnalyzedGraph): string[] {
  const index = new GraphIndex(model.graph);
  const layerOf = new Map(layers.map((layer) => [layer.node, layer.id]));
  const found = new Set<string>();
  const seen = new Set([CACHE_NAME]);
  const queue = [CACHE_NAME];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const node of index.consumers(name)) {
      const id = layerOf.get(node);
      if (id !== undefined) {
        found.add(id);
        continue;
      }
      for (const output of node.outputs) {
        if (seen.has(output)) continue;
        seen.add(output);
        queue.push(output);
      }
    }
  }
  return layers.filter((layer) => found.has(layer.id)).map((layer) => layer.id);
}

/** Adds tensors of a graph to its outputs. */
export function exposeTensors(graph: OnnxGraph, names: readonly string[]): void {
  for (const name of names) {
    if (graph.outputs.some((output) => output.name === name)) continue;
    graph.outputs.push({ name, dtype: 'float32', elementType: 1, dims: undefined });
  }
}
