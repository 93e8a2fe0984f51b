import { dtypeOf } from '../element-types.js';
import { getInt } from '../node.js';
import { broadcast, normalizeAxis, unify } from './dims.js';
import { UNKNOWN } from './facts.js';
import type { ShapeRule, ShapeRules } from './rule.js';

const quantize: ShapeRule = ({ node, inputs }) => {
  const zeroPoint = inputs[2]?.dtype;
  const declared = node.attributes.has('output_dtype') ? dtypeOf(getInt(node, 'output_dtype', 0)) : null;
  return [{ dtype: zeroPoint ?? declared ?? 'uint8', dims: inputs[0]?.dims }];
};

const dequantize: ShapeRule = ({ inputs }) => [
  { dtype: inputs[1]?.dtype ?? 'float32', dims: inputs[0]?.dims },
];

const dynamicQuantize: ShapeRule = ({ inputs }) => [
  { dtype: 'uint8', dims: inputs[0]?.dims },
  { dtype: 'float32', dims: [] },
  { dtype: 'uint8', dims: [] },
];

/** com.microsoft's elementwise pairs: A with scale and zero point, then B likewise. */
const quantizedPair: ShapeRule = ({ node, inputs }) => [
  { dtype: inputs[0]?.dtype ?? null, dims: broadcast(node, [inputs[0]?.dims, inputs[3]?.dims]) },
];

const sameTensor: ShapeRule = ({ inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  return [{ dtype, dims }];
};

/** Output scale and zero point, then (tensor, scale, zero point) for each part. */
const quantizedConcat: ShapeRule = ({ node, inputs }) => {
  const parts = inputs.filter((_, position) => position >= 2 && position % 3 === 2).map((part) => part?.dims);
  const dtype = inputs[1]?.dtype ?? null;
  const first = parts[0];
  if (first === undefined || parts.some((dims) => dims?.length !== first.length))
    return [{ dtype, dims: undefined }];
  const joined = normalizeAxis(node, getInt(node, 'axis', 1), first.length);
  const dims = first.map((dim, axis) => {
    const lengths = parts.map((part) => part?.[axis] ?? null);
    if (axis !== joined) return lengths.reduce((a, b) => unify(node, a, b, `lengths of axis ${axis}`), dim);
    return lengths.every((length) => typeof length === 'number') ? lengths.reduce((a, b) => a + b, 0) : null;
  });
  return [{ dtype, dims }];
};

export const QUANTIZATION_RULES: ShapeRules = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  'com.microsoft.QuantizeLinear': quantize,
  'com.microsoft.DequantizeLinear': dequantize,
  'com.microsoft.QLinearAdd': quantizedPair,
  'com.microsoft.QLinearMul': quantizedPair,
  'com.microsoft.QLinearSigmoid': sameTensor,
  'com.microsoft.QLinearLeakyRelu': sameTensor,
  'com.microsoft.QLinearSoftmax': sameTensor,
  'com.microsoft.QLinearConcat': quantizedConcat,
};
