import { cloneModel, type OnnxModel, type OnnxNode } from '@cachequant/onnx';

/**
 * A copy whose nodes have numbers in their names, so that what the runtime's optimizer makes of them is known by
 * its name: a fused node begins with the name of one that went into it.
 */
export function withNumberedNodes(model: OnnxModel): OnnxModel {
  const numbered = cloneModel(model);
  for (const [i, node] of numbered.graph.nodes.entries()) node.name = `cq${i}_${node.opType}`;
  return numbered;
}

/**
 * Finds the node of a numbered graph that a profiled one was made of.
 * @returns a function that gives undefined for nodes that the runtime added of its own, such as layout changes
 */
export function originFinder(numbered: OnnxModel): (profiled: string) => OnnxNode | undefined {
  const { nodes } = numbered.graph;
  // Convolutions in the runtime's own layout are named after their output.
  const blocked = new Map(nodes.map((node) => [`${node.outputs[0]}_nchwc`, node]));
  return (profiled) => {
    const number = /^cq(\d+)_/.exec(profiled)?.[1];
    return number === undefined ? blocked.get(profiled) : nodes[Number(number)];
  };
}
