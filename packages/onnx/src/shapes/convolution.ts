import type { DType } from '@cachequant/tensor';
import type { Dim, OnnxNode } from '../model.js';
import { getInt, getInts } from '../node.js';
import { checkRank } from './dims.js';
import type { TensorFacts } from './facts.js';
import { type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';
import { slideWindow, spreadWindow, windowAttributes } from './window.js';

/** Which inputs a convolution takes its operands from, and what it returns. */
export interface ConvolutionForm {
  readonly input: number;
  readonly weight: number;
  readonly dtype: (inputs: readonly (TensorFacts | undefined)[]) => DType | null;
}

const FLOAT_FORM: ConvolutionForm = { input: 0, weight: 1, dtype: (inputs) => inputs[0]?.dtype ?? null };
const INTEGER_FORM: ConvolutionForm = { input: 0, weight: 1, dtype: () => 'int32' };
const QLINEAR_FORM: ConvolutionForm = {
  input: 0,
  weight: 3,
  dtype: (inputs) => inputs[7]?.dtype ?? inputs[0]?.dtype ?? null,
};

/** Convolutions over [B, C, …] with weights [O, C/groups, …]. */
export const CONVOLUTIONS: Readonly<Record<string, ConvolutionForm>> = {
  Conv: FLOAT_FORM,
  'com.microsoft.FusedConv': FLOAT_FORM,
  ConvInteger: INTEGER_FORM,
  QLinearConv: QLINEAR_FORM,
  'com.microsoft.QLinearConv': QLINEAR_FORM,
};

function checkChannels(
  node: OnnxNode,
  channels: Dim | undefined,
  expected: Dim | undefined,
  times: number,
): void {
  if (typeof channels !== 'number' || typeof expected !== 'number') return;
  if (channels !== expected * times) {
    throw shapeError(
      node,
      'the input channels do not fit the weight',
      `${expected * times} channels`,
      `${channels}`,
    );
  }
}

function checkOperands(node: OnnxNode, input: Dim[], weight: Dim[]): void {
  checkRank(node, weight, 3);
  if (input.length !== weight.length) {
    throw shapeError(node, 'input and weight differ in rank', showDims(weight), showDims(input));
  }
}

function convolution(form: ConvolutionForm): ShapeRule {
  return ({ node, inputs }) => {
    const dtype = form.dtype(inputs);
    const input = inputs[form.input]?.dims;
    const weight = inputs[form.weight]?.dims;
    if (input === undefined || weight === undefined) return [{ dtype, dims: undefined }];
    checkOperands(node, input, weight);
    checkChannels(node, input[1], weight[1], getInt(node, 'group', 1));
    const attributes = windowAttributes(node, weight.length - 2);
    const spatial = input
      .slice(2)
      .map((length, axis) => slideWindow(node, axis, length, weight[axis + 2] ?? null, attributes));
    return [{ dtype, dims: [input[0] ?? null, weight[0] ?? null, ...spatial] }];
  };
}

const convTranspose: ShapeRule = ({ node, inputs }) => {
  const dtype = inputs[0]?.dtype ?? null;
  const input = inputs[0]?.dims;
  const weight = inputs[1]?.dims;
  if (input === undefined || weight === undefined) return [{ dtype, dims: undefined }];
  checkOperands(node, input, weight);
  checkChannels(node, input[1], weight[0], 1);
  const attributes = windowAttributes(node, weight.length - 2);
  const spatial = input
    .slice(2)
    .map((length, axis) => spreadWindow(node, axis, length, weight[axis + 2] ?? null, attributes));
  const perGroup = weight[1];
  const channels = typeof perGroup === 'number' ? perGroup * getInt(node, 'group', 1) : null;
  return [{ dtype, dims: [input[0] ?? null, channels, ...spatial] }];
};

const pool: ShapeRule = ({ node, inputs }) => {
  const dtype = inputs[0]?.dtype ?? null;
  const dims = inputs[0]?.dims;
  const kernel = getInts(node, 'kernel_shape', []);
  if (dims === undefined) return [{ dtype, dims }];
  if (dims.length !== kernel.length + 2) {
    throw shapeError(node, 'the kernel does not fit the tensor', `rank ${kernel.length + 2}`, showDims(dims));
  }
  const attributes = windowAttributes(node, kernel.length);
  const spatial = kernel.map((length, axis) =>
    slideWindow(node, axis, dims[axis + 2] ?? null, length, attributes),
  );
  const pooled = [...dims.slice(0, 2), ...spatial];
  return [
    { dtype, dims: pooled },
    { dtype: 'int64', dims: pooled },
  ];
};

const globalPool: ShapeRule = ({ inputs }) => {
  const dims = inputs[0]?.dims?.map((dim, axis) => (axis < 2 ? dim : 1));
  return [{ dtype: inputs[0]?.dtype ?? null, dims }];
};

export const CONVOLUTION_RULES: ShapeRules = {
  ...Object.fromEntries(Object.entries(CONVOLUTIONS).map(([name, form]) => [name, convolution(form)])),
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalMaxPool: globalPool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  'com.microsoft.QLinearAveragePool': pool,
  'com.microsoft.QLinearGlobalAveragePool': globalPool,
};
