import type { Dim, OnnxNode } from '../model.js';
import { getInts } from '../node.js';
import { sameAsFirst } from './elementwise.js';
import { UNKNOWN } from './facts.js';
import type { ShapeRule, ShapeRules } from './rule.js';
import { slideWindow, windowAttributes } from './window.js';

/**
 * Operators that ONNX Runtime's fusions write for one kind of device. Their shapes are known so that the arithmetic of
 * such a graph can be counted; nothing else looks through them.
 *
 * Source: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */

/** Convolutions with channels last, weights [O, kernel, C/groups], or [O, C/groups, kernel] as Conv has them. */
export const NHWC_CONVOLUTIONS: readonly string[] = [
  'com.microsoft.NhwcConv',
  'com.microsoft.NhwcFusedConv',
  'com.ms.internal.nhwc.Conv',
];

const nhwcConvolution: ShapeRule = ({ node, inputs }) => {
  const dtype = inputs[0]?.dtype ?? null;
  const [input, weight] = [inputs[0]?.dims, inputs[1]?.dims];
  if (input === undefined || weight === undefined || weight.length !== input.length) {
    return [{ dtype, dims: undefined }];
  }
  const axes = input.length - 2;
  const kernel = getInts(node, 'kernel_shape', weight.slice(1, -1).map(Number));
  const attributes = windowAttributes(node, axes);
  const spatial = input
    .slice(1, -1)
    .map((length, axis) => slideWindow(node, axis, length, kernel[axis] ?? null, attributes));
  return [{ dtype, dims: [input[0] ?? null, ...spatial, weight[0] ?? null] }];
};

/** Attention that projects its input itself: [B, S, D] with weights [D, query + key + value]. */
export const PROJECTED_ATTENTION: readonly string[] = ['com.microsoft.Attention', 'com.microsoft.QAttention'];

/** How many columns of the weights make queries, keys and values. */
export function projectedWidths(node: OnnxNode, weight: readonly Dim[] | undefined): number[] | undefined {
  const given = getInts(node, 'qkv_hidden_sizes', []);
  if (given.length === 3) return given;
  const columns = weight?.[1];
  return typeof columns === 'number' ? [columns / 3, columns / 3, columns / 3] : undefined;
}

const projectedAttention: ShapeRule = ({ node, inputs }) => {
  const dims = inputs[0]?.dims;
  const width = projectedWidths(node, inputs[1]?.dims)?.[2];
  const dtype = node.opType === 'QAttention' ? (inputs[3]?.dtype ?? null) : (inputs[0]?.dtype ?? null);
  return [{ dtype, dims: dims && [...dims.slice(0, -1), width ?? null] }];
};

/** Queries, keys and values packed in one tensor, [B, S, N, 3, H], or keys and values, [B, S, D] and [B, L, N, 2, H]. */
const packedAttention: ShapeRule = ({ inputs }) => {
  const [query, , value] = inputs;
  const dtype = query?.dtype ?? null;
  if (query?.dims?.length === 3) {
    const width = value?.dims?.length === 3 ? value.dims[2] : query.dims[2];
    return [{ dtype, dims: [...query.dims.slice(0, 2), width ?? null] }];
  }
  if (query?.dims?.length !== 5) return [{ dtype, dims: undefined }];
  const [batch, length, heads, , depth] = query.dims;
  const width = typeof heads === 'number' && typeof depth === 'number' ? heads * depth : null;
  return [{ dtype, dims: [batch ?? null, length ?? null, width] }];
};

/** Gives the norm, and with a second output the sum that it is the norm of. */
const skipGroupNorm: ShapeRule = ({ inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  return [
    { dtype, dims },
    { dtype, dims },
  ];
};

/** Half of the last axis times what GELU makes of the other half. */
const splitGelu: ShapeRule = ({ inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  const last = dims?.at(-1);
  return [{ dtype, dims: dims && [...dims.slice(0, -1), typeof last === 'number' ? last / 2 : null] }];
};

export const FUSED_RULES: ShapeRules = {
  ...Object.fromEntries(NHWC_CONVOLUTIONS.map((name) => [name, nhwcConvolution])),
  ...Object.fromEntries(PROJECTED_ATTENTION.map((name) => [name, projectedAttention])),
  'com.microsoft.MultiHeadAttention': packedAttention,
  'com.microsoft.SkipGroupNorm': skipGroupNorm,
  'com.microsoft.BiasSplitGelu': splitGelu,
  'com.microsoft.BiasAdd': sameAsFirst,
  'com.microsoft.BiasSoftmax': sameAsFirst,
};
