import type { OnnxGraph } from '../model.js';
import type { Dependencies } from './dependencies.js';

const RANDOM = new Set([
  'RandomNormal',
  'RandomUniform',
  'RandomNormalLike',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);

/** Names of all tensors that are the same in every run: initializers, and whatever follows from them alone. */
export function constantTensors(graph: OnnxGraph, { order, reads }: Dependencies): Set<string> {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const constants = new Set([...graph.initializers.keys()].filter((name) => !inputs.has(name)));
  for (const node of order) {
    const fixed = !RANDOM.has(node.opType) && reads(node).every((name) => constants.has(name));
    if (fixed) for (const name of node.outputs) constants.add(name);
  }
  return constants;
}
