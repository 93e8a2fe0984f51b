import { CacheQuantError } from '@cachequant/tensor';
import { findProducers } from '../analyze/graph-index.js';
import { capturedNames, subgraphsOf } from '../analyze/subgraph.js';
import type { OnnxGraph, OnnxNode } from '../model.js';
import { makeNode } from '../node.js';
import { freshName, freshNodeName } from './fresh-name.js';

/** Nodes that go on reading the old tensor, such as those that compute the new one from it. */
export interface ReplaceOptions {
  readonly except?: Iterable<OnnxNode>;
}

/**
 * Lets everything that reads the tensor `from` read `to` instead, subgraphs too. An output of the graph keeps its
 * name: it becomes a copy of `to`, and what it was goes by another name.
 * @returns the name that the old tensor has now
 * @throws CacheQuantError `unsupported` when `from` is an input and an output at once
 */
export function replaceUses(
  graph: OnnxGraph,
  from: string,
  to: string,
  options: ReplaceOptions = {},
): string {
  const except = new Set(options.except);
  for (const node of graph.nodes) if (!except.has(node)) renameInputs(node, from, to);
  if (!graph.outputs.some(({ name }) => name === from)) return from;
  const producer = findProducers(graph).get(from);
  if (producer === undefined) {
    throw new CacheQuantError('unsupported', 'an output that nothing computes cannot be replaced', {
      where: from,
    });
  }
  const renamed = freshName(graph, `${from}_replaced`);
  producer.outputs = producer.outputs.map((name) => (name === from ? renamed : name));
  for (const node of except) renameInputs(node, from, renamed);
  graph.nodes.push(makeNode('Identity', [to], [from], {}, { name: freshNodeName(graph, `${from}_output`) }));
  return renamed;
}

function renameInputs(node: OnnxNode, from: string, to: string): void {
  node.inputs = node.inputs.map((name) => (name === from ? to : name));
  for (const inner of subgraphsOf(node)) renameCaptures(inner, from, to);
}

function renameCaptures(graph: OnnxGraph, from: string, to: string): void {
  if (!capturedNames(graph).has(from)) return;
  for (const node of graph.nodes) renameInputs(node, from, to);
  for (const output of graph.outputs) if (output.name === from) output.name = to;
}
