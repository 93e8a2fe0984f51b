import { CacheQuantError } from '@cachequant/tensor';
import type { OnnxGraph, OnnxNode } from '../model.js';
import { describeNode } from '../node.js';
import { findProducers } from './graph-index.js';
import { subgraphsOf, usedNames } from './subgraph.js';

/**
 * Puts nodes after those whose outputs they read, in place, in subgraphs too. A graph that is in order stays as it
 * is, and others change no more than needed.
 * @throws CacheQuantError `onnx-format` when the graph has a cycle, with its nodes' names
 */
export function topologicalSort(graph: OnnxGraph): void {
  const producers = findProducers(graph);
  const sorted: OnnxNode[] = [];
  const done = new Set<OnnxNode>();
  for (const node of graph.nodes) visit(node, producers, done, sorted);
  graph.nodes = sorted;
  for (const node of sorted) subgraphsOf(node).forEach(topologicalSort);
}

/** Depth first with a stack of our own: chains of nodes are longer than the call stack. */
function visit(
  root: OnnxNode,
  producers: ReadonlyMap<string, OnnxNode>,
  done: Set<OnnxNode>,
  sorted: OnnxNode[],
): void {
  if (done.has(root)) return;
  const dependenciesOf = (node: OnnxNode) => [...usedNames(node)].map((name) => producers.get(name)).values();
  const path = new Map([[root, dependenciesOf(root)]]);
  const stack = [root];
  while (stack.length > 0) {
    const node = stack.at(-1)!;
    const next = path.get(node)!.next();
    if (next.done) {
      stack.pop();
      path.delete(node);
      done.add(node);
      sorted.push(node);
    } else if (next.value !== undefined && !done.has(next.value)) {
      if (path.has(next.value)) failOnCycle(stack.slice(stack.indexOf(next.value)));
      path.set(next.value, dependenciesOf(next.value));
      stack.push(next.value);
    }
  }
}

function failOnCycle(cycle: readonly OnnxNode[]): never {
  const shown = cycle.slice(0, 8).map(describeNode).reverse();
  throw new CacheQuantError('onnx-format', 'the graph has a cycle', {
    got: `${shown.join(' → ')}${cycle.length > 8 ? ` and ${cycle.length - 8} more` : ''}`,
  });
}
