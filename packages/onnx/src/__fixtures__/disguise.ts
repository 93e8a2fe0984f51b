import { cloneModel } from '../edit/clone-model.js';
import type { OnnxModel, OnnxNode } from '../model.js';

/**
 * The same model with meaningless names for nodes and inner tensors, and its nodes in a random order in which they
 * can run. Subgraphs are left as they are.
 */
export function disguise(
  model: OnnxModel,
  next: () => number,
): { model: OnnxModel; names: Map<string, string> } {
  const copy = cloneModel(model);
  const { graph } = copy;
  const kept = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const names = new Map<string, string>();
  const rename = (name: string): string => {
    if (name === '' || kept.has(name)) return name;
    const other = names.get(name) ?? `t${Math.floor((next() + 1) * 2 ** 30).toString(36)}_${names.size}`;
    names.set(name, other);
    return other;
  };
  for (const node of graph.nodes) {
    node.name = `n${Math.floor((next() + 1) * 2 ** 30).toString(36)}`;
    node.inputs = node.inputs.map(rename);
    node.outputs = node.outputs.map(rename);
  }
  graph.initializers = new Map(
    [...graph.initializers].map(([name, weight]) => [rename(name), { ...weight, name: rename(name) }]),
  );
  graph.valueInfo.clear();
  graph.nodes = shuffle(graph.nodes, next);
  return { model: copy, names };
}

/** Repeatedly takes a random node out of those whose inputs are there. */
function shuffle(nodes: readonly OnnxNode[], next: () => number): OnnxNode[] {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const waiting = new Map<OnnxNode, number>();
  const consumers = new Map<OnnxNode, OnnxNode[]>();
  for (const node of nodes) {
    const before = new Set(
      node.inputs.map((name) => producers.get(name)).filter((found) => found !== undefined),
    );
    waiting.set(node, before.size);
    for (const producer of before) consumers.set(producer, [...(consumers.get(producer) ?? []), node]);
  }
  const ready = nodes.filter((node) => waiting.get(node) === 0);
  const order: OnnxNode[] = [];
  while (ready.length > 0) {
    const [node] = ready.splice(Math.floor(((next() + 1) / 2) * ready.length), 1);
    order.push(node!);
    for (const consumer of consumers.get(node!) ?? []) {
      waiting.set(consumer, waiting.get(consumer)! - 1);
      if (waiting.get(consumer) === 0) ready.push(consumer);
    }
  }
  return order;
}
