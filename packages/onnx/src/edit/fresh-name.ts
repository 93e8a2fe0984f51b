import { visitGraphs } from '../analyze/subgraph.js';
import type { OnnxGraph } from '../model.js';
import { sparseInitializerNames } from '../read/unknown-fields.js';

/** A tensor name that neither the graph nor a subgraph has: the base, or the base and a number. */
export function freshName(graph: OnnxGraph, base: string): string {
  const taken = new Set<string>();
  const take = (name: string) => {
    if (name.startsWith(base)) taken.add(name);
  };
  visitGraphs(graph, (inner) => {
    for (const { name } of inner.inputs) take(name);
    for (const { name } of inner.outputs) take(name);
    for (const name of inner.initializers.keys()) take(name);
    sparseInitializerNames(inner).forEach(take);
    for (const node of inner.nodes) {
      node.inputs.forEach(take);
      node.outputs.forEach(take);
    }
  });
  return firstFree(base, taken);
}

/** A node name that neither the graph nor a subgraph has. */
export function freshNodeName(graph: OnnxGraph, base: string): string {
  const taken = new Set<string>();
  visitGraphs(graph, ({ nodes }) => {
    for (const { name } of nodes) taken.add(name);
  });
  return firstFree(base, taken);
}

function firstFree(base: string, taken: ReadonlySet<string>): string {
  if (base !== '' && !taken.has(base)) return base;
  let number = 1;
  while (taken.has(`${base}_${number}`)) number += 1;
  return `${base}_${number}`;
}
