import type { OnnxGraph, OnnxNode } from '../model.js';
import { sparseInitializerNames } from '../read/unknown-fields.js';

/** The graphs that a node's attributes hold: the bodies of If, Loop and Scan. */
export function subgraphsOf(node: OnnxNode): OnnxGraph[] {
  const graphs: OnnxGraph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.type === 'graph') graphs.push(attribute.value);
    if (attribute.type === 'graphs') graphs.push(...attribute.value);
  }
  return graphs;
}

/** Names that a graph itself defines: its inputs, its initializers, and what its nodes make. */
export function definedNames(graph: OnnxGraph): Set<string> {
  const names = new Set(graph.initializers.keys());
  for (const { name } of graph.inputs) names.add(name);
  for (const node of graph.nodes) for (const output of node.outputs) names.add(output);
  for (const name of sparseInitializerNames(graph)) names.add(name);
  names.delete('');
  return names;
}

/** Tensors that a node reads: its inputs, and what its subgraphs take from the graphs around them. */
export function usedNames(node: OnnxNode): Set<string> {
  const names = new Set(node.inputs);
  for (const graph of subgraphsOf(node)) for (const name of capturedNames(graph)) names.add(name);
  names.delete('');
  return names;
}

/** Names that a subgraph uses and does not define. */
export function capturedNames(graph: OnnxGraph): Set<string> {
  const names = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) for (const name of usedNames(node)) names.add(name);
  for (const name of definedNames(graph)) names.delete(name);
  return names;
}

/** Calls `visit` for a graph and every graph inside its nodes, the outer ones first. */
export function visitGraphs(graph: OnnxGraph, visit: (graph: OnnxGraph) => void): void {
  visit(graph);
  for (const node of graph.nodes) for (const inner of subgraphsOf(node)) visitGraphs(inner, visit);
}
