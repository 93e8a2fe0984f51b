import { CacheQuantError } from '@cachequant/tensor';
import type { OnnxGraph, OnnxNode } from '../model.js';
import { describeNode } from '../node.js';

/**
 * Puts nodes into a graph, at the end or before a node.
 * @throws CacheQuantError `invalid-argument` when that node is not in the graph
 */
export function insertNodes(
  graph: OnnxGraph,
  nodes: readonly OnnxNode[],
  { before }: { readonly before?: OnnxNode | undefined } = {},
): void {
  const index = before === undefined ? graph.nodes.length : graph.nodes.indexOf(before);
  if (index < 0) {
    throw new CacheQuantError('invalid-argument', 'the node to insert before is not in the graph', {
      where: 'insertNodes',
      got: describeNode(before!),
    });
  }
  graph.nodes.splice(index, 0, ...nodes);
}
