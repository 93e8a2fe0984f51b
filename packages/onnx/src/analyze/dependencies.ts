import type { OnnxGraph, OnnxNode } from '../model.js';
import { findProducers } from './graph-index.js';
import { usedNames } from './subgraph.js';
import { topologicalSort } from './topological-sort.js';

/** Which node makes each tensor, and what each node needs; a snapshot of the graph. */
export interface Dependencies {
  /** The nodes in an order in which they can run. */
  readonly order: readonly OnnxNode[];
  readonly producers: ReadonlyMap<string, OnnxNode>;
  /** Nodes on the longest way that leads to a node; consumers are always deeper. */
  readonly depths: ReadonlyMap<OnnxNode, number>;
  /** Every tensor that a node needs, with what its subgraphs capture. */
  reads(node: OnnxNode): readonly string[];
}

/** @throws CacheQuantError `onnx-format` when the graph has a cycle */
export function dependenciesOf(graph: OnnxGraph): Dependencies {
  const sorted = { ...graph };
  topologicalSort(sorted);
  const producers = findProducers(graph);
  const reads = new Map(sorted.nodes.map((node) => [node, [...usedNames(node)]]));
  const depths = new Map<OnnxNode, number>();
  for (const node of sorted.nodes) {
    let deepest = 0;
    for (const name of reads.get(node)!) {
      const producer = producers.get(name);
      if (producer !== undefined) deepest = Math.max(deepest, depths.get(producer)!);
    }
    depths.set(node, deepest + 1);
  }
  return { order: sorted.nodes, producers, depths, reads: (node) => reads.get(node) ?? [] };
}
