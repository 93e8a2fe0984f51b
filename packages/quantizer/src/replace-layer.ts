import type { OnnxGraph, OnnxNode } from '@cachequant/onnx';

/** Takes a node out of a graph; its output is free to be produced by another. */
export function removeNode(graph: OnnxGraph, node: OnnxNode): void {
  const at = graph.nodes.indexOf(node);
  if (at >= 0) graph.nodes.splice(at, 1);
}
