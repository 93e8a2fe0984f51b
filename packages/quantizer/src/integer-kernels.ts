import type { OnnxGraph, OnnxNode } from '@cachequant/onnx';

/**
 * The nodes that compute layers in integers: those that read the integers of a layer, whatever the graph looks like
 * around them. What only prepares the integers, the runtime does once when it loads the graph.
 * @param weights layer ids by the names of initializers
 */
export function integerKernels(
  graph: OnnxGraph,
  weights: ReadonlyMap<string, string>,
): Map<OnnxNode, string> {
  const kernels = new Map<OnnxNode, string>();
  const layerOf = new Map(weights);
  const constants = new Set(graph.initializers.keys());
  for (const node of graph.nodes) {
    const weight = node.inputs.find((input) => layerOf.has(input));
    const constant = node.inputs.every((input) => input === '' || constants.has(input));
    for (const output of constant ? node.outputs : []) constants.add(output);
    if (weight === undefined) continue;
    if (constant) for (const output of node.outputs) layerOf.set(output, layerOf.get(weight)!);
    else kernels.set(node, layerOf.get(weight)!);
  }
  return kernels;
}
