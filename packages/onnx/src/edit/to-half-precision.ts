import { constantOf } from '../analyze/constant-of.js';
import { topologicalSort } from '../analyze/topological-sort.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../model.js';
import { makeNode } from '../node.js';
import type { TensorFacts } from '../shapes/facts.js';
import { cloneModel } from './clone-model.js';
import { removeDeadNodes } from './dead-nodes.js';
import { freshName } from './fresh-name.js';

/** Operators that a float16 graph computes in float16, with how many of their first inputs are in it; else all. */
const HALF: ReadonlyMap<string, number> = new Map([
  ...[
    ...['Conv', 'ConvTranspose', 'MatMul', 'Gemm', 'MultiHeadAttention', 'Add', 'Sub', 'Mul', 'Div', 'Where'],
    ...[
      'Sigmoid',
      'Tanh',
      'Erf',
      'Gelu',
      'QuickGelu',
      'Relu',
      'LeakyRelu',
      'Clip',
      'Softmax',
      'Concat',
      'Identity',
    ],
    ...[
      'Reshape',
      'Flatten',
      'Squeeze',
      'Unsqueeze',
      'Transpose',
      'Expand',
      'Slice',
      'Split',
      'Pad',
      'Gather',
    ],
    ...['MaxPool', 'AveragePool'],
  ].map((type) => [type, Number.POSITIVE_INFINITY] as const),
  // Its scales are float32 whatever the image is.
  ['Resize', 1],
]);

/** Operators with weights, from the first of which on activations are of a size that float16 holds. */
const LAYERS = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm']);

const [FLOAT32, FLOAT16] = [1, 10];

/**
 * Rewrites a float32 graph to compute in float16, over the same initializers: constants are cast when the model is
 * loaded. Names and types of inputs and outputs stay.
 *
 * In float32 stay: whatever comes before the first layer (times up to 1000, and sums of cached features that nearly
 * cancel), norms and other reductions (whose sums pass 65504), and what depends on constants alone.
 * @param facts element types of the graph's tensors, as `inferShapes` tells them
 */
export function toHalfPrecision(model: OnnxModel, facts: ReadonlyMap<string, TensorFacts>): OnnxModel {
  const result = cloneModel(model);
  const { graph } = result;
  topologicalSort(graph);
  const halves = new Map<string, string>();
  const halfOf = (name: string): string => {
    const known = halves.get(name);
    if (known !== undefined) return known;
    const half = freshName(graph, `${name}/half`);
    graph.nodes.push(makeNode('Cast', [name], [half], { to: FLOAT16 }));
    halves.set(name, half);
    return half;
  };
  const isFloat = (name: string) =>
    name !== '' && (facts.get(name)?.dtype ?? constantOf(graph, name)?.dtype) === 'float32';
  for (const node of nodesAfterLayers(graph)) {
    const count = HALF.get(node.opType);
    if (count === undefined || !node.outputs.some(isFloat)) continue;
    node.inputs = node.inputs.map((name, i) => (i < count && isFloat(name) ? halfOf(name) : name));
    for (const [i, output] of node.outputs.entries()) {
      if (!isFloat(output)) continue;
      const half = freshName(graph, `${output}/half`);
      node.outputs[i] = half;
      halves.set(output, half);
      // For those that go on in float32; where there are none, it goes again.
      graph.nodes.push(makeNode('Cast', [half], [output], { to: FLOAT32 }));
    }
  }
  topologicalSort(graph);
  removeDeadNodes(graph);
  return result;
}

/** The layers, and everything that is computed from what they give, in graph order. */
function nodesAfterLayers(graph: OnnxGraph): OnnxNode[] {
  const constant = new Set(graph.initializers.keys());
  const after = new Set<string>();
  const found: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const given = node.inputs.filter((name) => name !== '');
    if (given.every((name) => constant.has(name)) && !isRandom(node)) {
      for (const output of node.outputs) constant.add(output);
      continue;
    }
    if (!LAYERS.has(node.opType) && !given.some((name) => after.has(name))) continue;
    for (const output of node.outputs) after.add(output);
    found.push(node);
  }
  return found;
}

function isRandom({ opType }: OnnxNode): boolean {
  return opType.startsWith('Random');
}
