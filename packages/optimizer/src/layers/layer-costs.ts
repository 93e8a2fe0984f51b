import type { OnnxNode } from '@cachequant/onnx';
import type { LayerNodes } from './layer-nodes.js';

/** A node that ran, in the order of execution. */
export interface TimedNode {
  readonly name: string;
  readonly opType: string;
  readonly ms: number;
}

export interface CostedGraph {
  readonly nodes: LayerNodes;
  readonly kernels: ReadonlyMap<OnnxNode, string>;
  /** The graph's own node that one that ran was made of; undefined for those that the runtime added. */
  readonly originOf: (name: string) => OnnxNode | undefined;
  /** Ids of the layers that the runtime may lay out differently. */
  readonly convolutions: ReadonlySet<string>;
}

/** What runtimes add around a convolution of another layout, and around what they move through a graph. */
const LAYOUT = new Set(['ReorderInput', 'ReorderOutput', 'Transpose']);
const ROUNDING = new Set(['QuantizeLinear', 'DequantizeLinear']);

/**
 * Milliseconds of each layer: its kernel, and its share of what is there for layers alone. Nodes that the runtime
 * added are known by their place in the execution: right before a kernel they work for it, else for the one they
 * follow.
 */
export function layerCosts(graph: CostedGraph, ran: readonly TimedNode[]): Map<string, number> {
  const origins = ran.map(({ name }) => graph.originOf(name));
  const costs = new Map<string, number>();
  for (const [i, { ms }] of ran.entries()) {
    const origin = origins[i];
    const layers = origin ? (graph.nodes.get(origin) ?? []) : addedFor(graph, ran, origins, i);
    for (const id of layers) costs.set(id, (costs.get(id) ?? 0) + ms / layers.length);
  }
  return costs;
}

function addedFor(
  { nodes, kernels, convolutions }: CostedGraph,
  ran: readonly TimedNode[],
  origins: readonly (OnnxNode | undefined)[],
  at: number,
): readonly string[] {
  const { opType } = ran[at]!;
  if (!LAYOUT.has(opType) && !ROUNDING.has(opType)) return [];
  const towards = (step: 1 | -1): string | undefined => {
    for (let i = at + step; i >= 0 && i < ran.length; i += step) {
      const origin = origins[i];
      const kernel = origin && kernels.get(origin);
      if (kernel !== undefined) return kernel;
      if (origin ? !nodes.has(origin) : !isAdded(ran[i]!)) return undefined;
    }
    return undefined;
  };
  const mayBe = (id: string | undefined) =>
    id !== undefined && (ROUNDING.has(opType) || convolutions.has(id));
  const found = [towards(1), towards(-1)].find(mayBe);
  return found === undefined ? [] : [found];
}

function isAdded({ opType }: TimedNode): boolean {
  return LAYOUT.has(opType) || ROUNDING.has(opType);
}
