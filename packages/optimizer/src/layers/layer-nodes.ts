import { GraphIndex, type OnnxGraph, type OnnxNode } from '@cachequant/onnx';

/** Which layers a node of a graph works for. */
export type LayerNodes = ReadonlyMap<OnnxNode, readonly string[]>;

/**
 * Finds what each layer costs a graph beyond its kernel: nodes that the other form of the same network does
 * without (quantization, layout changes, a bias apart) work for the layers that they lead to, or, where they lead
 * to none, for those that they come from. Nodes that both forms have work for no layer.
 * @param kernels the nodes that compute a layer, by its id
 * @param other the same network in the other form; tensors that both have are called the same
 */
export function layerNodes(
  graph: OnnxGraph,
  kernels: ReadonlyMap<OnnxNode, string>,
  other: OnnxGraph,
): LayerNodes {
  const index = new GraphIndex(graph);
  const shared = new Set(other.nodes.map(signature));
  const isExtra = (node: OnnxNode) => !kernels.has(node) && !shared.has(signature(node));
  const after = (node: OnnxNode) => node.outputs.flatMap((output) => [...index.consumers(output)]);
  const before = (node: OnnxNode) => node.inputs.flatMap((input) => index.producer(input) ?? []);
  const leadsTo = reach(kernels, isExtra, after);
  const comesFrom = reach(kernels, isExtra, before);
  const found = new Map<OnnxNode, readonly string[]>();
  for (const node of graph.nodes) {
    const kernel = kernels.get(node);
    if (kernel !== undefined) {
      found.set(node, [kernel]);
    } else if (isExtra(node)) {
      const ids = leadsTo(node);
      found.set(node, [...(ids.size > 0 ? ids : comesFrom(node))]);
    }
  }
  return found;
}

function signature({ opType, outputs }: OnnxNode): string {
  return `${opType} ${outputs[0]}`;
}

/** The layers whose kernels lie in one direction of a node, with nothing but extra nodes between. */
function reach(
  kernels: ReadonlyMap<OnnxNode, string>,
  isExtra: (node: OnnxNode) => boolean,
  neighbours: (node: OnnxNode) => readonly OnnxNode[],
): (node: OnnxNode) => ReadonlySet<string> {
  const known = new Map<OnnxNode, Set<string>>();
  const visit = (node: OnnxNode): Set<string> => {
    const before = known.get(node);
    if (before) return before;
    const ids = new Set<string>();
    known.set(node, ids);
    for (const next of neighbours(node)) {
      const kernel = kernels.get(next);
      if (kernel !== undefined) ids.add(kernel);
      else if (isExtra(next)) for (const id of visit(next)) ids.add(id);
    }
    return ids;
  };
  return visit;
}
