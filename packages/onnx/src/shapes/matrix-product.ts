import type { DType } from '@cachequant/tensor';
import type { Dim, OnnxNode } from '../model.js';
import { getInt } from '../node.js';
import { broadcast, checkRank } from './dims.js';
import type { TensorFacts } from './facts.js';
import { type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';

type Inputs = readonly (TensorFacts | undefined)[];

/** Which inputs a matrix product takes its operands from, and what it returns. */
export interface ProductForm {
  readonly a: number;
  readonly b: number;
  readonly dtype: (inputs: Inputs) => DType | null;
  /** True for the two-dimensional product that can transpose its operands. */
  readonly transposes?: boolean;
}

const dtypeAt =
  (position: number) =>
  (inputs: Inputs): DType | null =>
    inputs[position]?.dtype ?? null;

/** Products over the last two axes with broadcast batches; operands by position. */
export const PRODUCTS: Readonly<Record<string, ProductForm>> = {
  MatMul: { a: 0, b: 1, dtype: dtypeAt(0) },
  Gemm: { a: 0, b: 1, dtype: dtypeAt(0), transposes: true },
  MatMulInteger: { a: 0, b: 1, dtype: () => 'int32' },
  QLinearMatMul: { a: 0, b: 3, dtype: (inputs) => inputs[7]?.dtype ?? inputs[0]?.dtype ?? null },
  'com.microsoft.FusedMatMul': { a: 0, b: 1, dtype: dtypeAt(0), transposes: true },
  'com.microsoft.FusedGemm': { a: 0, b: 1, dtype: dtypeAt(0), transposes: true },
  'com.microsoft.MatMulIntegerToFloat': { a: 0, b: 1, dtype: (inputs) => inputs[2]?.dtype ?? 'float32' },
  'com.microsoft.DynamicQuantizeMatMul': { a: 0, b: 1, dtype: dtypeAt(0) },
  'com.microsoft.QGemm': {
    a: 0,
    b: 3,
    dtype: (inputs) => inputs[8]?.dtype ?? (inputs[7] === undefined ? 'float32' : (inputs[0]?.dtype ?? null)),
    transposes: true,
  },
};

function swapLast(dims: readonly Dim[]): Dim[] {
  return [...dims.slice(0, -2), dims.at(-1) ?? null, dims.at(-2) ?? null];
}

/** Operand shapes as [..., rows, inner] and [..., inner, columns], after the node's own transpositions. */
export function productOperands(
  node: OnnxNode,
  form: ProductForm,
  a: readonly Dim[],
  b: readonly Dim[],
): [Dim[], Dim[]] {
  const flip = (name: string): boolean => form.transposes === true && getInt(node, name, 0) === 1;
  const left = a.length === 1 ? [1, ...a] : flip('transA') ? swapLast(a) : [...a];
  const right = b.length === 1 ? [...b, 1] : flip('transB') ? swapLast(b) : [...b];
  return [left, right];
}

function productDims(node: OnnxNode, form: ProductForm, a: Dim[], b: Dim[]): Dim[] {
  checkRank(node, a, 1);
  checkRank(node, b, 1);
  const [left, right] = productOperands(node, form, a, b);
  const inner = left.at(-1);
  const otherInner = right.at(-2);
  if (typeof inner === 'number' && typeof otherInner === 'number' && inner !== otherInner) {
    throw shapeError(node, 'the inner lengths of the product differ', showDims(left), showDims(right));
  }
  const batch = broadcast(node, [left.slice(0, -2), right.slice(0, -2)]) ?? [];
  const rows = a.length === 1 ? [] : [left.at(-2) ?? null];
  const columns = b.length === 1 ? [] : [right.at(-1) ?? null];
  return [...batch, ...rows, ...columns];
}

function matrixProduct(form: ProductForm): ShapeRule {
  return ({ node, inputs }) => {
    const a = inputs[form.a]?.dims;
    const b = inputs[form.b]?.dims;
    const dims = a === undefined || b === undefined ? undefined : productDims(node, form, a, b);
    return [{ dtype: form.dtype(inputs), dims }];
  };
}

/** A product with weights packed to a few bits, whose lengths are attributes. */
const matMulNBits: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims } = inputs[0] ?? { dtype: null, dims: undefined };
  return [{ dtype, dims: dims === undefined ? undefined : [...dims.slice(0, -1), getInt(node, 'N', 0)] }];
};

/** Attention on packed heads: [B, S, H·D] with values [B, L, H·V] gives [B, S, H·V]. */
const multiHeadAttention: ShapeRule = ({ inputs }) => {
  const [query, , value] = inputs;
  const known = query?.dims?.length === 3 && value?.dims?.length === 3;
  const dims = known ? [...query.dims!.slice(0, 2), value.dims![2]!] : undefined;
  return [{ dtype: query?.dtype ?? null, dims }];
};

export const MATRIX_PRODUCT_RULES: ShapeRules = {
  ...Object.fromEntries(Object.entries(PRODUCTS).map(([name, form]) => [name, matrixProduct(form)])),
  'com.microsoft.MatMulNBits': matMulNBits,
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
};
