import type { Dim, OnnxModel, OnnxNode } from '../model.js';
import { getInt, getString } from '../node.js';
import { CONVOLUTIONS } from '../shapes/convolution.js';
import { product } from '../shapes/dims.js';
import { labelLengths, parseEquation } from '../shapes/einsum.js';
import type { TensorFacts } from '../shapes/facts.js';
import { NHWC_CONVOLUTIONS, PROJECTED_ATTENTION, projectedWidths } from '../shapes/fused-operators.js';
import { PRODUCTS, productOperands } from '../shapes/matrix-product.js';
import { operatorKey, SHAPED_OPERATORS } from '../shapes/registry.js';
import { constantTensors } from './constant-tensors.js';
import { dependenciesOf } from './dependencies.js';

/** The arithmetic of one node. */
export interface NodeMultiplyAdds {
  readonly macs: number;
  /** True for layers (one operand is the same in every run), false for products of activations. */
  readonly constantWeight: boolean;
}

/** The arithmetic of a graph. */
export interface MultiplyAdds {
  readonly total: number;
  readonly byNode: Map<OnnxNode, NodeMultiplyAdds>;
  /** Convolutions and products that are not counted, because their shapes are not fixed. */
  readonly unknown: OnnxNode[];
  /**
   * Operators whose arithmetic is not in the total, with how often each comes, the commonest first: those of which nothing
   * is known, and convolutions and products of unknown shapes.
   */
  readonly notCounted: ReadonlyMap<string, number>;
}

type Shapes = ReadonlyMap<string, Pick<TensorFacts, 'dims'>>;

/** A node's two operands, and how often they are multiplied (null when the shapes are open). */
interface Multiplication {
  readonly macs: number | null;
  readonly operands: readonly string[];
}

type Counter = (
  node: OnnxNode,
  dimsOf: (name: string | undefined) => Dim[] | undefined,
) => Multiplication | undefined;

const times = (dims: readonly Dim[] | undefined, factor: Dim): number | null =>
  dims === undefined ? null : product([...dims, factor]);

function convolutionCounter(input: number, weight: number): Counter {
  return (node, dimsOf) => {
    const perOutput = dimsOf(node.inputs[weight])?.slice(1);
    const macs = times(dimsOf(node.outputs[0]), perOutput === undefined ? null : product(perOutput));
    return { macs, operands: [node.inputs[input] ?? '', node.inputs[weight] ?? ''] };
  };
}

const countTransposed: Counter = (node, dimsOf) => {
  const perInput = dimsOf(node.inputs[1])?.slice(1);
  const macs = times(dimsOf(node.inputs[0]), perInput === undefined ? null : product(perInput));
  return { macs, operands: node.inputs.slice(0, 2) };
};

function productCounter(key: string): Counter {
  const form = PRODUCTS[key]!;
  return (node, dimsOf) => {
    const operands = [node.inputs[form.a] ?? '', node.inputs[form.b] ?? ''];
    const [a, b] = operands.map(dimsOf);
    const inner = a && b ? productOperands(node, form, a, b)[0].at(-1) : null;
    return { macs: times(dimsOf(node.outputs[0]), inner ?? null), operands };
  };
}

const countPacked: Counter = (node, dimsOf) => ({
  macs: times(dimsOf(node.outputs[0]), getInt(node, 'K', 0)),
  operands: node.inputs.slice(0, 2),
});

/** Two operands: the lengths of all labels multiplied. A single operand is only moved around. */
const countEinsum: Counter = (node, dimsOf) => {
  const equation = parseEquation(getString(node, 'equation', ''));
  const operands = node.inputs.slice(0, 2);
  if (operands.length < 2) return undefined;
  if (equation === undefined || node.inputs.length !== 2) return { macs: null, operands };
  const inputs = node.inputs.map((name) => ({ dtype: null, dims: dimsOf(name) }));
  if (inputs.some(({ dims }) => dims === undefined)) return { macs: null, operands };
  return { macs: product([...labelLengths(node, equation, inputs).values()]), operands };
};

/** Q Kᵀ and the weighted sum of V. */
const countAttention: Counter = (node, dimsOf) => {
  const [query, key, value] = node.inputs.slice(0, 3).map(dimsOf);
  const operands = node.inputs.slice(0, 2);
  if (query?.length === 5 || key?.length === 5) return { macs: packedMacs(query, key), operands };
  if (!query || !key || !value) return { macs: null, operands };
  const depth = product([query.at(-1) ?? null]);
  const valueDepth = product([value.at(-1) ?? null]);
  if (depth === null || valueDepth === null) return { macs: null, operands };
  return { macs: product([...query.slice(0, 2), key[1] ?? null, depth + valueDepth]), operands };
};

/** The same of [B, S, N, 3, H], or of [B, S, D] and [B, L, N, 2, H]. */
function packedMacs(query: Dim[] | undefined, key: Dim[] | undefined): number | null {
  if (query?.length === 5) return product([query[0]!, query[1]!, query[1]!, query[2]!, query[4]!, 2]);
  if (query?.length !== 3 || key?.length !== 5) return null;
  return product([...query, key[1]!, 2]);
}

/** Queries, keys and values of one input, and the attention between them; what was computed before counts with it. */
const countProjectedAttention: Counter = (node, dimsOf) => {
  const [input, weight] = node.inputs.slice(0, 2).map(dimsOf);
  const operands = node.inputs.slice(0, 2);
  const widths = projectedWidths(node, weight);
  const tokens = product(input?.slice(0, 2) ?? [null]);
  const past = dimsOf(node.inputs[node.opType === 'QAttention' ? 8 : 4]);
  const length = product([input?.[1] ?? null]);
  const before = past === undefined ? 0 : product([past[3] ?? null]);
  const depth = product([input?.[2] ?? null]);
  if (widths === undefined || tokens === null || length === null || before === null || depth === null) {
    return { macs: null, operands };
  }
  const [query, key, value] = widths as [number, number, number];
  const macs = tokens * (depth * (query + key + value) + (length + before) * (query + value));
  return { macs, operands };
};

const COUNTERS: ReadonlyMap<string, Counter> = new Map<string, Counter>([
  ...Object.entries(CONVOLUTIONS).map(
    ([key, form]) => [key, convolutionCounter(form.input, form.weight)] as const,
  ),
  ...Object.keys(PRODUCTS).map((key) => [key, productCounter(key)] as const),
  ['ConvTranspose', countTransposed],
  ['com.microsoft.MatMulNBits', countPacked],
  ['com.microsoft.MultiHeadAttention', countAttention],
  ...NHWC_CONVOLUTIONS.map((key) => [key, convolutionCounter(0, 1)] as const),
  ...PROJECTED_ATTENTION.map((key) => [key, countProjectedAttention] as const),
  ['Einsum', countEinsum],
]);

/**
 * Multiply-adds of the convolutions and matrix products of the main graph; everything else counts as free.
 *
 * A convolution takes (output elements) × (input channels per group) × (kernel elements), a product
 * (output elements) × (inner length); biases are not counted.
 * @param shapes of `inferShapes` with fixed input shapes; with `fused`, graphs of ONNX Runtime's fusions are counted too
 */
export function countMultiplyAdds(model: OnnxModel, shapes: Shapes): MultiplyAdds {
  const constants = constantTensors(model.graph, dependenciesOf(model.graph));
  const dimsOf = (name: string | undefined): Dim[] | undefined => shapes.get(name ?? '')?.dims;
  const byNode = new Map<OnnxNode, NodeMultiplyAdds>();
  const unknown: OnnxNode[] = [];
  let total = 0;
  const unshaped: OnnxNode[] = [];
  for (const node of model.graph.nodes) {
    const key = operatorKey(node);
    const multiplication = COUNTERS.get(key)?.(node, dimsOf);
    if (!SHAPED_OPERATORS.has(key) && !COUNTERS.has(key)) unshaped.push(node);
    if (multiplication === undefined) continue;
    const { macs, operands } = multiplication;
    if (macs === null) {
      unknown.push(node);
      continue;
    }
    total += macs;
    byNode.set(node, { macs, constantWeight: operands.some((name) => constants.has(name)) });
  }
  return { total, byNode, unknown, notCounted: countKinds([...unknown, ...unshaped]) };
}

function countKinds(nodes: readonly OnnxNode[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { opType } of nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return new Map([...counts].sort((a, b) => b[1] - a[1]));
}
