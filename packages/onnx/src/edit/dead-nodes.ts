import { findProducers } from '../analyze/graph-index.js';
import { subgraphsOf, usedNames } from '../analyze/subgraph.js';
import type { OnnxGraph, OnnxNode } from '../model.js';

/**
 * Removes what the outputs do not depend on: nodes, initializers and what is said of their values, in subgraphs too.
 * Inputs stay, and so do initializers that are an input's default.
 * @returns how many nodes were removed
 */
export function removeDeadNodes(graph: OnnxGraph): number {
  let removed = 0;
  for (const node of graph.nodes) for (const inner of subgraphsOf(node)) removed += removeDeadNodes(inner);
  const { nodes, tensors } = reachable(
    graph,
    graph.outputs.map(({ name }) => name),
  );
  const alive = graph.nodes.filter((node) => nodes.has(node));
  removed += graph.nodes.length - alive.length;
  graph.nodes = alive;
  const kept = new Set([...tensors, ...graph.inputs.map(({ name }) => name)]);
  for (const node of alive) for (const output of node.outputs) kept.add(output);
  for (const name of graph.initializers.keys()) if (!kept.has(name)) graph.initializers.delete(name);
  for (const name of graph.valueInfo.keys()) if (!kept.has(name)) graph.valueInfo.delete(name);
  return removed;
}

export interface Reachable {
  readonly nodes: Set<OnnxNode>;
  /** Every tensor that is read on the way, the starting ones included. */
  readonly tensors: Set<string>;
}

/** What tensors depend on, walking from outputs to inputs and no further than `stopAt`. */
export function reachable(
  graph: OnnxGraph,
  from: readonly string[],
  stopAt: ReadonlySet<string> = new Set(),
): Reachable {
  const producers = findProducers(graph);
  const nodes = new Set<OnnxNode>();
  const tensors = new Set(from);
  const open = [...tensors];
  while (open.length > 0) {
    const name = open.pop()!;
    const producer = stopAt.has(name) ? undefined : producers.get(name);
    if (producer === undefined || nodes.has(producer)) continue;
    nodes.add(producer);
    for (const used of usedNames(producer)) {
      if (tensors.has(used)) continue;
      tensors.add(used);
      open.push(used);
    }
  }
  return { nodes, tensors };
}
