import { CacheQuantError } from '@cachequant/tensor';
import type { OnnxGraph, OnnxNode } from '../model.js';
import { describeNode } from '../node.js';
import { usedNames } from './subgraph.js';

/** Who makes and who reads each tensor of a graph. Call `refresh` after the graph has been edited. */
export class GraphIndex {
  #producers = new Map<string, OnnxNode>();
  #consumers = new Map<string, OnnxNode[]>();

  /** @throws CacheQuantError `onnx-format` when two nodes make the same tensor, or a node makes a graph input */
  constructor(readonly graph: OnnxGraph) {
    this.refresh();
  }

  /** Reads the graph again, after nodes were added, removed or rewired. */
  refresh(): void {
    this.#producers = findProducers(this.graph);
    this.#consumers = new Map();
    for (const node of this.graph.nodes) {
      for (const name of usedNames(node)) {
        const consumers = this.#consumers.get(name);
        if (consumers === undefined) this.#consumers.set(name, [node]);
        else consumers.push(node);
      }
    }
  }

  /** The node that makes a tensor; undefined for inputs and initializers. */
  producer(tensor: string): OnnxNode | undefined {
    return this.#producers.get(tensor);
  }

  /** Nodes that read a tensor, each once, in the graph's order; also those whose subgraphs capture it. */
  consumers(tensor: string): readonly OnnxNode[] {
    return this.#consumers.get(tensor) ?? [];
  }

  /** The node that alone reads a tensor; undefined where several do, none does, or it is an output of the graph. */
  onlyConsumer(tensor: string): OnnxNode | undefined {
    const consumers = this.consumers(tensor);
    const exposed = this.graph.outputs.some(({ name }) => name === tensor);
    return consumers.length === 1 && !exposed ? consumers[0] : undefined;
  }
}

/** @throws CacheQuantError `onnx-format` when a tensor has two origins */
export function findProducers(graph: OnnxGraph): Map<string, OnnxNode> {
  const producers = new Map<string, OnnxNode>();
  const given = new Set([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      const other = producers.get(output);
      if (other !== undefined || given.has(output)) {
        throw new CacheQuantError('onnx-format', `the tensor '${output}' has two origins`, {
          where: `graph '${graph.name}'`,
          got: `${other === undefined ? 'an input or initializer' : describeNode(other)} and ${describeNode(node)}`,
        });
      }
      producers.set(output, node);
    }
  }
  return producers;
}
