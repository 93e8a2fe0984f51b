import { tensor } from '@cachequant/tensor';
import { test } from 'vitest';
import { float32s, int64s } from '../__fixtures__/build-model.js';
import {
  expectAsComputed,
  image,
  index,
  matrix,
  type SingleNode,
  scalar,
} from '../__fixtures__/single-node.js';
import { floats } from '../node.js';

const NODES: SingleNode[] = [
  { op: 'Reshape', inputs: ['x', 's'], parts: { inputs: image, constants: { s: int64s(0, -1, 9) } } },
  { op: 'Flatten', inputs: ['x'], attributes: { axis: -2 }, parts: { inputs: image } },
  { op: 'Transpose', inputs: ['x'], parts: { inputs: image } },
  { op: 'Squeeze', inputs: ['x'], parts: { inputs: { x: ['float32', [1, 3, 1]] } } },
  { op: 'Unsqueeze', inputs: ['x', 'a'], parts: { inputs: matrix, constants: { a: int64s(-1, 0) } } },
  { op: 'DepthToSpace', inputs: ['x'], attributes: { blocksize: 2 }, parts: { inputs: image } },
  {
    op: 'SpaceToDepth',
    inputs: ['x'],
    attributes: { blocksize: 2 },
    parts: { inputs: { x: ['float32', [1, 3, 4, 6]] } },
  },
  {
    op: 'Slice',
    inputs: ['x', 's', 'e', 'a', 't'],
    parts: {
      inputs: image,
      constants: { s: int64s(-1, 8), e: int64s(-100, 1), a: int64s(2, -1), t: int64s(-2, -3) },
    },
  },
  {
    op: 'Slice',
    inputs: ['x', 's', 'e'],
    parts: { inputs: matrix, constants: { s: int64s(1, -3), e: int64s(100, -1) } },
  },
  {
    op: 'Split',
    inputs: ['x'],
    attributes: { axis: 3, num_outputs: 2 },
    parts: { inputs: image },
    outputs: 2,
  },
  {
    op: 'Split',
    inputs: ['x', 's'],
    attributes: { axis: -1 },
    parts: { inputs: matrix, constants: { s: int64s(1, 4) } },
    outputs: 2,
  },
  {
    op: 'Gather',
    inputs: ['x', 'i'],
    attributes: { axis: 1 },
    parts: { inputs: image, constants: { i: tensor('int64', [2, 3]) } },
  },
  {
    op: 'GatherElements',
    inputs: ['x', 'i'],
    attributes: { axis: 1 },
    parts: { inputs: matrix, constants: { i: tensor('int64', [3, 2]) } },
  },
  {
    op: 'GatherND',
    inputs: ['x', 'i'],
    attributes: { batch_dims: 1 },
    parts: { inputs: image, constants: { i: tensor('int64', [2, 5, 2]) } },
  },
  {
    op: 'Expand',
    inputs: ['x', 's'],
    parts: { inputs: { x: ['float32', [3, 1]] }, constants: { s: int64s(2, 1, 4) } },
  },
  { op: 'Tile', inputs: ['x', 's'], parts: { inputs: matrix, constants: { s: int64s(2, 3) } } },
  {
    op: 'Pad',
    inputs: ['x', 'p', 'v', 'a'],
    parts: { inputs: image, constants: { p: int64s(1, 0, 2, -1), v: scalar(0), a: int64s(3, 2) } },
  },
  {
    op: 'Resize',
    inputs: ['x', '', 's'],
    attributes: { mode: 'nearest' },
    parts: { inputs: image, constants: { s: float32s(1, 1, 1.7, 0.6) } },
  },
  {
    op: 'Resize',
    inputs: ['x', '', '', 's'],
    attributes: { mode: 'linear', axes: [2, 3] },
    parts: { inputs: image, constants: { s: int64s(5, 20) } },
  },
  {
    op: 'Resize',
    inputs: ['x', '', '', 's'],
    attributes: { mode: 'nearest', axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    parts: { inputs: image, constants: { s: int64s(5, 20) } },
  },
  { op: 'Shape', inputs: ['x'], attributes: { start: -3, end: -1 }, parts: { inputs: image } },
  { op: 'Size', inputs: ['x'], parts: { inputs: image } },
  { op: 'ConstantOfShape', inputs: ['s'], parts: { constants: { s: int64s(2, 3) } } },
  { op: 'Range', inputs: ['a', 'b', 'c'], parts: { constants: { a: index(7), b: index(-2), c: index(-2) } } },
  { op: 'Constant', inputs: [], attributes: { value_floats: floats([1.5, 2]) }, parts: {} },
  {
    op: 'OneHot',
    inputs: ['i', 'd', 'v'],
    attributes: { axis: 1 },
    parts: { constants: { i: int64s(1, 2, 0), d: index(4), v: float32s(0, 1) } },
  },
  {
    op: 'ReduceMean',
    inputs: ['x', 'a'],
    attributes: { keepdims: 0 },
    parts: { inputs: image, constants: { a: int64s(-1, 1) } },
  },
  { op: 'ReduceSum', inputs: ['x'], parts: { inputs: image } },
  { op: 'ReduceSum', inputs: ['x'], attributes: { noop_with_empty_axes: 1 }, parts: { inputs: image } },
  {
    op: 'ReduceProd',
    inputs: ['s'],
    attributes: { keepdims: 0 },
    parts: { constants: { s: int64s(2, 3, 4) } },
  },
  { op: 'ArgMax', inputs: ['x'], attributes: { axis: 2, keepdims: 0 }, parts: { inputs: image } },
  {
    op: 'TopK',
    inputs: ['x', 'k'],
    attributes: { axis: 1 },
    parts: { inputs: image, constants: { k: int64s(3) } },
    outputs: 2,
  },
  { op: 'CumSum', inputs: ['x', 'a'], parts: { inputs: matrix, constants: { a: index(1) } } },
  { op: 'Trilu', inputs: ['x'], parts: { inputs: matrix } },
  {
    op: 'Where',
    inputs: ['c', 'x', 'y'],
    parts: {
      inputs: { x: ['float32', [3, 1]], y: ['float32', [5]] },
      constants: { c: tensor('bool', [2, 1, 1]) },
    },
  },
  { op: 'Mod', inputs: ['a', 'b'], parts: { constants: { a: int64s(-7, 7), b: int64s(3, -3) } } },
  { op: 'Div', inputs: ['a', 'b'], parts: { constants: { a: int64s(-7, 7), b: int64s(2) } } },
  { op: 'Round', inputs: ['a'], parts: { constants: { a: float32s(0.5, 1.5, -0.5, 2.4) } } },
  {
    op: 'Clip',
    inputs: ['a', 'l', 'h'],
    parts: { constants: { a: float32s(-3, 0.5, 9), l: scalar(-1), h: scalar(2) } },
  },
  { op: 'Cast', inputs: ['a'], attributes: { to: 7 }, parts: { constants: { a: float32s(-1.7, 1.7) } } },
];

test.each(NODES)('inferShapes $op $inputs: what onnxruntime computes', expectAsComputed);
