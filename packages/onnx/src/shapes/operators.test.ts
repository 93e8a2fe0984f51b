import { type Tensor, tensor } from '@cachequant/tensor';
import { expect, test } from 'vitest';
import { buildModel, float32s, int64s, type ModelParts } from '../__fixtures__/build-model.js';
import { exposeTensors, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { encodeModel } from '../encode-model.js';
import { inferShapes } from '../infer-shapes.js';
import { type AttributeInput, float, floats, makeNode } from '../node.js';

const scalar = (value: number): Tensor => tensor('float32', [], Float32Array.of(value));
const index = (value: number): Tensor => tensor('int64', [], BigInt64Array.of(BigInt(value)));
const u8 = (value: number): Tensor => tensor('uint8', [], Uint8Array.of(value));
const bytes = (...dims: number[]): Tensor => tensor('int8', dims);
const image: ModelParts['inputs'] = { x: ['float32', [2, 4, 7, 9]] };
const matrix: ModelParts['inputs'] = { x: ['float32', [3, 5]] };

interface Case {
  readonly op: string;
  readonly inputs: string[];
  readonly attributes?: Record<string, AttributeInput>;
  readonly parts: ModelParts;
  readonly outputs?: number;
}

/** One node each; `x` and `y` are fed, the rest is constant. */
const CASES: Case[] = [
  { op: 'Conv', inputs: ['x', 'w'], attributes: { group: 2, strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2] }, parts: { inputs: image, constants: { w: tensor('float32', [6, 2, 3, 3]) } } },
  { op: 'Conv', inputs: ['x', 'w'], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] }, parts: { inputs: image, constants: { w: tensor('float32', [6, 4, 3, 3]) } } },
  { op: 'ConvTranspose', inputs: ['x', 'w'], attributes: { group: 2, strides: [2, 3], pads: [1, 0, 1, 1], output_padding: [1, 0] }, parts: { inputs: image, constants: { w: tensor('float32', [4, 3, 3, 2]) } } },
  { op: 'MaxPool', inputs: ['x'], attributes: { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1, pads: [0, 1, 0, 1] }, parts: { inputs: image }, outputs: 2 },
  { op: 'AveragePool', inputs: ['x'], attributes: { kernel_shape: [3, 3], strides: [3, 4], ceil_mode: 1, pads: [1, 1, 1, 1] }, parts: { inputs: image } },
  { op: 'AveragePool', inputs: ['x'], attributes: { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'VALID' }, parts: { inputs: image } },
  { op: 'GlobalAveragePool', inputs: ['x'], parts: { inputs: image } },
  { op: 'Gemm', inputs: ['x', 'w', 'b'], attributes: { transA: 1, transB: 1 }, parts: { inputs: matrix, constants: { w: tensor('float32', [6, 3]), b: tensor('float32', [6]) } } },
  { op: 'MatMul', inputs: ['x', 'y'], parts: { inputs: { x: ['float32', [2, 1, 3, 5]], y: ['float32', [4, 5, 6]] } } },
  { op: 'MatMul', inputs: ['x', 'y'], parts: { inputs: { x: ['float32', [5]], y: ['float32', [4, 5, 6]] } } },
  { op: 'Einsum', inputs: ['x', 'y'], attributes: { equation: 'bij, bkj -> bik' }, parts: { inputs: { x: ['float32', [2, 3, 5]], y: ['float32', [2, 4, 5]] } } },
  { op: 'Einsum', inputs: ['x', 'y'], attributes: { equation: 'ij,jk' }, parts: { inputs: { x: ['float32', [3, 5]], y: ['float32', [5, 4]] } } },
  { op: 'Reshape', inputs: ['x', 's'], parts: { inputs: image, constants: { s: int64s(0, -1, 9) } } },
  { op: 'Flatten', inputs: ['x'], attributes: { axis: -2 }, parts: { inputs: image } },
  { op: 'Transpose', inputs: ['x'], parts: { inputs: image } },
  { op: 'Squeeze', inputs: ['x'], parts: { inputs: { x: ['float32', [1, 3, 1]] } } },
  { op: 'Unsqueeze', inputs: ['x', 'a'], parts: { inputs: matrix, constants: { a: int64s(-1, 0) } } },
  { op: 'DepthToSpace', inputs: ['x'], attributes: { blocksize: 2 }, parts: { inputs: image } },
  { op: 'SpaceToDepth', inputs: ['x'], attributes: { blocksize: 2 }, parts: { inputs: { x: ['float32', [1, 3, 4, 6]] } } },
  { op: 'Slice', inputs: ['x', 's', 'e', 'a', 't'], parts: { inputs: image, constants: { s: int64s(-1, 8), e: int64s(-100, 1), a: int64s(2, -1), t: int64s(-2, -3) } } },
  { op: 'Slice', inputs: ['x', 's', 'e'], parts: { inputs: matrix, constants: { s: int64s(1, -3), e: int64s(100, -1) } } },
  { op: 'Split', inputs: ['x'], attributes: { axis: 3, num_outputs: 2 }, parts: { inputs: image }, outputs: 2 },
  { op: 'Split', inputs: ['x', 's'], attributes: { axis: -1 }, parts: { inputs: matrix, constants: { s: int64s(1, 4) } }, outputs: 2 },
  { op: 'Gather', inputs: ['x', 'i'], attributes: { axis: 1 }, parts: { inputs: image, constants: { i: tensor('int64', [2, 3]) } } },
  { op: 'GatherElements', inputs: ['x', 'i'], attributes: { axis: 1 }, parts: { inputs: matrix, constants: { i: tensor('int64', [3, 2]) } } },
  { op: 'GatherND', inputs: ['x', 'i'], attributes: { batch_dims: 1 }, parts: { inputs: image, constants: { i: tensor('int64', [2, 5, 2]) } } },
  { op: 'Expand', inputs: ['x', 's'], parts: { inputs: { x: ['float32', [3, 1]] }, constants: { s: int64s(2, 1, 4) } } },
  { op: 'Tile', inputs: ['x', 's'], parts: { inputs: matrix, constants: { s: int64s(2, 3) } } },
  { op: 'Pad', inputs: ['x', 'p', 'v', 'a'], parts: { inputs: image, constants: { p: int64s(1, 0, 2, -1), v: scalar(0), a: int64s(3, 2) } } },
  { op: 'Resize', inputs: ['x', '', 's'], attributes: { mode: 'nearest' }, parts: { inputs: image, constants: { s: float32s(1, 1, 1.7, 0.6) } } },
  { op: 'Resize', inputs: ['x', '', '', 's'], attributes: { mode: 'linear', axes: [2, 3] }, parts: { inputs: image, constants: { s: int64s(5, 20) } } },
  { op: 'Resize', inputs: ['x', '', '', 's'], attributes: { mode: 'nearest', axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' }, parts: { inputs: image, constants: { s: int64s(5, 20) } } },
  { op: 'Shape', inputs: ['x'], attributes: { start: -3, end: -1 }, parts: { inputs: image } },
  { op: 'Size', inputs: ['x'], parts: { inputs: image } },
  { op: 'ConstantOfShape', inputs: ['s'], parts: { constants: { s: int64s(2, 3) } } },
  { op: 'Range', inputs: ['a', 'b', 'c'], parts: { constants: { a: index(7), b: index(-2), c: index(-2) } } },
  { op: 'Constant', inputs: [], attributes: { value_floats: floats([1.5, 2]) }, parts: {} },
  { op: 'OneHot', inputs: ['i', 'd', 'v'], attributes: { axis: 1 }, parts: { constants: { i: int64s(1, 2, 0), d: index(4), v: float32s(0, 1) } } },
  { op: 'ReduceMean', inputs: ['x', 'a'], attributes: { keepdims: 0 }, parts: { inputs: image, constants: { a: int64s(-1, 1) } } },
  { op: 'ReduceSum', inputs: ['x'], parts: { inputs: image } },
  { op: 'ReduceSum', inputs: ['x'], attributes: { noop_with_empty_axes: 1 }, parts: { inputs: image } },
  { op: 'ReduceProd', inputs: ['s'], attributes: { keepdims: 0 }, parts: { constants: { s: int64s(2, 3, 4) } } },
  { op: 'ArgMax', inputs: ['x'], attributes: { axis: 2, keepdims: 0 }, parts: { inputs: image } },
  { op: 'TopK', inputs: ['x', 'k'], attributes: { axis: 1 }, parts: { inputs: image, constants: { k: int64s(3) } }, outputs: 2 },
  { op: 'CumSum', inputs: ['x', 'a'], parts: { inputs: matrix, constants: { a: index(1) } } },
  { op: 'Trilu', inputs: ['x'], parts: { inputs: matrix } },
  { op: 'Where', inputs: ['c', 'x', 'y'], parts: { inputs: { x: ['float32', [3, 1]], y: ['float32', [5]] }, constants: { c: tensor('bool', [2, 1, 1]) } } },
  { op: 'Mod', inputs: ['a', 'b'], parts: { constants: { a: int64s(-7, 7), b: int64s(3, -3) } } },
  { op: 'Div', inputs: ['a', 'b'], parts: { constants: { a: int64s(-7, 7), b: int64s(2) } } },
  { op: 'Round', inputs: ['a'], parts: { constants: { a: float32s(0.5, 1.5, -0.5, 2.4) } } },
  { op: 'Clip', inputs: ['a', 'l', 'h'], parts: { constants: { a: float32s(-3, 0.5, 9), l: scalar(-1), h: scalar(2) } } },
  { op: 'Cast', inputs: ['a'], attributes: { to: 7 }, parts: { constants: { a: float32s(-1.7, 1.7) } } },
  { op: 'LayerNormalization', inputs: ['x', 's'], attributes: { axis: 1 }, parts: { inputs: matrix, constants: { s: tensor('float32', [5]) } }, outputs: 3 },
  { op: 'Dropout', inputs: ['x'], parts: { inputs: matrix }, outputs: 2 },
  { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], parts: { inputs: matrix, constants: { s: scalar(0.1), z: u8(3) } } },
  { op: 'DequantizeLinear', inputs: ['w', 's'], parts: { constants: { w: bytes(3, 2), s: scalar(0.1) } } },
  { op: 'DynamicQuantizeLinear', inputs: ['x'], parts: { inputs: matrix }, outputs: 3 },
  { op: 'MatMulInteger', inputs: ['a', 'w'], parts: { constants: { a: tensor('uint8', [3, 5]), w: bytes(5, 4) } } },
  { op: 'ConvInteger', inputs: ['a', 'w'], parts: { constants: { a: tensor('uint8', [1, 2, 5, 5]), w: tensor('uint8', [3, 2, 3, 3]) } } },
  { op: 'QLinearConv', inputs: ['a', 's', 'z', 'w', 's', 'v', 's', 'z'], attributes: { pads: [1, 1, 1, 1] }, parts: { constants: { a: tensor('uint8', [1, 2, 5, 6]), w: bytes(3, 2, 3, 3), s: scalar(0.1), z: u8(3), v: bytes() } } },
  { op: 'QLinearMatMul', inputs: ['a', 's', 'z', 'w', 's', 'v', 's', 'z'], parts: { constants: { a: tensor('uint8', [3, 5]), w: bytes(5, 2), s: scalar(0.1), z: u8(3), v: bytes() } } },
  { op: 'com.microsoft.MatMulIntegerToFloat', inputs: ['a', 'w', 's', 't', 'z', 'v', 'b'], parts: { constants: { a: tensor('uint8', [2, 3, 5]), w: bytes(5, 4), s: scalar(0.1), t: tensor('float32', [4]), z: u8(3), v: bytes(), b: tensor('float32', [4]) } } },
  { op: 'com.microsoft.DynamicQuantizeMatMul', inputs: ['x', 'w', 's'], parts: { inputs: matrix, constants: { w: bytes(5, 4), s: scalar(0.1) } } },
  { op: 'com.microsoft.FusedMatMul', inputs: ['x', 'y'], attributes: { transB: 1, alpha: float(0.5) }, parts: { inputs: { x: ['float32', [2, 3, 5]], y: ['float32', [2, 4, 5]] } } },
  { op: 'com.microsoft.QLinearAdd', inputs: ['a', 's', 'z', 'b', 's', 'z', 's', 'z'], parts: { constants: { a: tensor('uint8', [3, 1]), b: tensor('uint8', [5]), s: scalar(0.1), z: u8(3) } } },
  { op: 'com.microsoft.QLinearConcat', inputs: ['s', 'z', 'a', 's', 'z', 'b', 's', 'z'], attributes: { axis: 1 }, parts: { constants: { a: tensor('uint8', [3, 1]), b: tensor('uint8', [3, 4]), s: scalar(0.1), z: u8(3) } } },
];

test.each(CASES)('inferShapes $op $inputs: what onnxruntime computes', async ({ op, inputs, attributes, parts, outputs = 1 }) => {
  const at = op.lastIndexOf('.');
  const names = Array.from({ length: outputs }, (_, position) => `out${position}`);
  const node = makeNode(op.slice(at + 1), inputs, names, attributes, { name: 'node', domain: op.slice(0, Math.max(at, 0)) });
  const model = buildModel([node], parts);
  const inferred = inferShapes(model);
  const inputDims = Object.fromEntries(Object.entries(parts.inputs ?? {}).map(([name, [, dims]]) => [name, dims as number[]]));
  const results = await runModel(exposeTensors(encodeModel(model), names), randomFeeds(model, inputDims, 3));
  for (const name of names) {
    const { values, ...said } = inferred.get(name)!;
    const { type, dims, data } = results[name]!;
    expect(said).toEqual({ dtype: type, dims: [...dims] });
    if (values !== undefined) expect(values.map(Number)).toEqual(Array.from(data as Float32Array, Number));
  }
});
