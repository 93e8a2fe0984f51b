import { cloneModel, GraphIndex, type OnnxModel, type OnnxNode } from '@cachequant/onnx';

/**
 * A copy whose nodes have numbers in their names, so that what the runtime's optimizer makes of them is known by
 * its name: a fused node begins with the name of one that went into it.
 */
export function withNumberedNodes(model: OnnxModel): OnnxModel {
  const numbered = cloneModel(model);
  for (const [i, node] of numbered.graph.nodes.entries()) node.name = `cq${i}_${node.opType}`;
  return numbered;
}

const BLOCKED = '_nchwc';

/**
 * Finds the node of a numbered graph that a profiled one was made of.
 * @returns a function that gives undefined for nodes that the runtime added of its own, such as layout changes
 */
export function originFinder(numbered: OnnxModel): (profiled: string) => OnnxNode | undefined {
  const { nodes } = numbered.graph;
  const index = new GraphIndex(numbered.graph);
  return (profiled) => {
    const number = /^cq(\d+)_/.exec(profiled)?.[1];
    if (number !== undefined) return nodes[Number(number)];
    if (!profiled.endsWith(BLOCKED)) return undefined;
    return convolutionBehind(index, profiled.slice(0, -BLOCKED.length));
  };
}

/**
 * Convolutions in the runtime's own layout are named after their output, which is that of the last operator that was
 * fused into them: a bias or an activation.
 */
function convolutionBehind(index: GraphIndex, output: string): OnnxNode | undefined {
  let node = index.producer(output);
  while (node && node.opType !== 'Conv') {
    const before = node.inputs.flatMap((input) => index.producer(input) ?? []);
    if (before.length !== 1) return node;
    node = before[0];
  }
  return node;
}
