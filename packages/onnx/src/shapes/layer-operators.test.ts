import { type Tensor, tensor } from '@cachequant/tensor';
import { test } from 'vitest';
import { expectAsComputed, image, matrix, type SingleNode, scalar } from '../__fixtures__/single-node.js';
import { float } from '../node.js';

const u8 = (value: number): Tensor => tensor('uint8', [], Uint8Array.of(value));
const bytes = (...dims: number[]): Tensor => tensor('int8', dims);

const NODES: SingleNode[] = [
  {
    op: 'Conv',
    inputs: ['x', 'w'],
    attributes: { group: 2, strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2] },
    parts: { inputs: image, constants: { w: tensor('float32', [6, 2, 3, 3]) } },
  },
  {
    op: 'Conv',
    inputs: ['x', 'w'],
    attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
    parts: { inputs: image, constants: { w: tensor('float32', [6, 4, 3, 3]) } },
  },
  {
    op: 'ConvTranspose',
    inputs: ['x', 'w'],
    attributes: { group: 2, strides: [2, 3], pads: [1, 0, 1, 1], output_padding: [1, 0] },
    parts: { inputs: image, constants: { w: tensor('float32', [4, 3, 3, 2]) } },
  },
  {
    op: 'MaxPool',
    inputs: ['x'],
    attributes: { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1, pads: [0, 1, 0, 1] },
    parts: { inputs: image },
    outputs: 2,
  },
  {
    op: 'AveragePool',
    inputs: ['x'],
    attributes: { kernel_shape: [3, 3], strides: [3, 4], ceil_mode: 1, pads: [1, 1, 1, 1] },
    parts: { inputs: image },
  },
  {
    op: 'AveragePool',
    inputs: ['x'],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'VALID' },
    parts: { inputs: image },
  },
  { op: 'GlobalAveragePool', inputs: ['x'], parts: { inputs: image } },
  {
    op: 'Gemm',
    inputs: ['x', 'w', 'b'],
    attributes: { transA: 1, transB: 1 },
    parts: { inputs: matrix, constants: { w: tensor('float32', [6, 3]), b: tensor('float32', [6]) } },
  },
  {
    op: 'MatMul',
    inputs: ['x', 'y'],
    parts: { inputs: { x: ['float32', [2, 1, 3, 5]], y: ['float32', [4, 5, 6]] } },
  },
  { op: 'MatMul', inputs: ['x', 'y'], parts: { inputs: { x: ['float32', [5]], y: ['float32', [4, 5, 6]] } } },
  {
    op: 'Einsum',
    inputs: ['x', 'y'],
    attributes: { equation: 'bij, bkj -> bik' },
    parts: { inputs: { x: ['float32', [2, 3, 5]], y: ['float32', [2, 4, 5]] } },
  },
  {
    op: 'Einsum',
    inputs: ['x', 'y'],
    attributes: { equation: 'ij,jk' },
    parts: { inputs: { x: ['float32', [3, 5]], y: ['float32', [5, 4]] } },
  },
  {
    op: 'LayerNormalization',
    inputs: ['x', 's'],
    attributes: { axis: 1 },
    parts: { inputs: matrix, constants: { s: tensor('float32', [5]) } },
    outputs: 3,
  },
  { op: 'Dropout', inputs: ['x'], parts: { inputs: matrix }, outputs: 2 },
  {
    op: 'QuantizeLinear',
    inputs: ['x', 's', 'z'],
    parts: { inputs: matrix, constants: { s: scalar(0.1), z: u8(3) } },
  },
  { op: 'DequantizeLinear', inputs: ['w', 's'], parts: { constants: { w: bytes(3, 2), s: scalar(0.1) } } },
  { op: 'DynamicQuantizeLinear', inputs: ['x'], parts: { inputs: matrix }, outputs: 3 },
  {
    op: 'MatMulInteger',
    inputs: ['a', 'w'],
    parts: { constants: { a: tensor('uint8', [3, 5]), w: bytes(5, 4) } },
  },
  {
    op: 'ConvInteger',
    inputs: ['a', 'w'],
    parts: { constants: { a: tensor('uint8', [1, 2, 5, 5]), w: tensor('uint8', [3, 2, 3, 3]) } },
  },
  {
    op: 'QLinearConv',
    inputs: ['a', 's', 'z', 'w', 's', 'v', 's', 'z'],
    attributes: { pads: [1, 1, 1, 1] },
    parts: {
      constants: {
        a: tensor('uint8', [1, 2, 5, 6]),
        w: bytes(3, 2, 3, 3),
        s: scalar(0.1),
        z: u8(3),
        v: bytes(),
      },
    },
  },
  {
    op: 'QLinearMatMul',
    inputs: ['a', 's', 'z', 'w', 's', 'v', 's', 'z'],
    parts: {
      constants: { a: tensor('uint8', [3, 5]), w: bytes(5, 2), s: scalar(0.1), z: u8(3), v: bytes() },
    },
  },
  {
    op: 'com.microsoft.Attention',
    inputs: ['x', 'w', 'b'],
    attributes: { num_heads: 2, qkv_hidden_sizes: [8, 8, 6] },
    parts: {
      inputs: { x: ['float32', [2, 7, 5]] },
      constants: { w: tensor('float32', [5, 22]), b: tensor('float32', [22]) },
    },
  },
  {
    op: 'com.microsoft.SkipLayerNormalization',
    inputs: ['x', 'y', 's'],
    parts: {
      inputs: { x: ['float32', [2, 7, 5]], y: ['float32', [2, 7, 5]] },
      constants: { s: tensor('float32', [5]) },
    },
  },
  {
    op: 'com.microsoft.MatMulIntegerToFloat',
    inputs: ['a', 'w', 's', 't', 'z', 'v', 'b'],
    parts: {
      constants: {
        a: tensor('uint8', [2, 3, 5]),
        w: bytes(5, 4),
        s: scalar(0.1),
        t: tensor('float32', [4]),
        z: u8(3),
        v: bytes(),
        b: tensor('float32', [4]),
      },
    },
  },
  {
    op: 'com.microsoft.DynamicQuantizeMatMul',
    inputs: ['x', 'w', 's'],
    parts: { inputs: matrix, constants: { w: bytes(5, 4), s: scalar(0.1) } },
  },
  {
    op: 'com.microsoft.FusedMatMul',
    inputs: ['x', 'y'],
    attributes: { transB: 1, alpha: float(0.5) },
    parts: { inputs: { x: ['float32', [2, 3, 5]], y: ['float32', [2, 4, 5]] } },
  },
  {
    op: 'com.microsoft.QLinearAdd',
    inputs: ['a', 's', 'z', 'b', 's', 'z', 's', 'z'],
    parts: { constants: { a: tensor('uint8', [3, 1]), b: tensor('uint8', [5]), s: scalar(0.1), z: u8(3) } },
  },
  {
    op: 'com.microsoft.QLinearConcat',
    inputs: ['s', 'z', 'a', 's', 'z', 'b', 's', 'z'],
    attributes: { axis: 1 },
    parts: {
      constants: { a: tensor('uint8', [3, 1]), b: tensor('uint8', [3, 4]), s: scalar(0.1), z: u8(3) },
    },
  },
];

test.each(NODES)('inferShapes $op $inputs: what onnxruntime computes', expectAsComputed);
