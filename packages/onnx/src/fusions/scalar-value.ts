import { fromBytes } from '@cachequant/tensor';
import { constantOf } from '../analyze/constant-of.js';
import type { GraphIndex } from '../analyze/graph-index.js';
import type { OnnxNode } from '../model.js';
import type { TensorFacts } from '../shapes/facts.js';

type Shapes = ReadonlyMap<string, TensorFacts>;

const UNARY: Readonly<Record<string, (x: number) => number>> = {
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Cast: (x) => x,
  Identity: (x) => x,
};

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
};

/** The number that a tensor of one element always holds; exporters compute scales of attention in small nodes. */
export function scalarValue(index: GraphIndex, shapes: Shapes, name: string, depth = 0): number | undefined {
  const facts = shapes.get(name);
  const known = facts?.values?.[0];
  if (facts?.values?.length === 1 && typeof known === 'number') return known;
  const weight = constantOf(index.graph, name);
  if (weight) {
    const elements = weight.dims.reduce((product, dim) => product * dim, 1);
    if (elements !== 1 || weight.dtype !== 'float32' || weight.data.kind !== 'bytes') return undefined;
    return Number(fromBytes('float32', weight.data.bytes.slice())[0]);
  }
  const node = index.producer(name);
  return node && depth < MAX_DEPTH ? computed(index, shapes, node, depth + 1) : undefined;
}

const MAX_DEPTH = 8;

function computed(index: GraphIndex, shapes: Shapes, node: OnnxNode, depth: number): number | undefined {
  if (node.domain !== '') return undefined;
  const [a, b] = node.inputs.map((input) => scalarValue(index, shapes, input, depth));
  const unary = UNARY[node.opType];
  if (unary && a !== undefined) return unary(a);
  const binary = BINARY[node.opType];
  return binary && a !== undefined && b !== undefined ? binary(a, b) : undefined;
}
