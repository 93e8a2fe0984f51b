import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { type AttributeInput, makeNode } from '../node.js';
import { parseModel } from '../read/parse-model.js';
import { countMultiplyAdds } from './count-multiply-adds.js';
import { inferShapes } from './infer-shapes.js';

interface Case {
  readonly op: string;
  readonly inputs: string[];
  readonly attributes?: Record<string, AttributeInput>;
  readonly x: number[];
  readonly y?: number[];
  readonly weights?: Record<string, number[]>;
  /** Loop lengths: output positions × output channels × what is summed. */
  readonly loops: number[];
  /** Where there is no second operand: whether there is a weight; left out: there is. */
  readonly constant?: boolean;
}

const CASES: Case[] = [
  {
    op: 'Conv',
    inputs: ['x', 'w'],
    attributes: { group: 2, pads: [1, 1, 1, 1], strides: [2, 2] },
    x: [2, 4, 8, 6],
    weights: { w: [6, 2, 3, 3] },
    loops: [2, 4, 3, 6, 2, 3, 3],
  },
  {
    op: 'QLinearConv',
    inputs: ['x', 's', 'z', 'w', 's', 'z', 's', 'z'],
    x: [1, 4, 5, 5],
    weights: { w: [6, 4, 3, 3], s: [], z: [] },
    loops: [3, 3, 6, 4, 3, 3],
  },
  {
    op: 'ConvTranspose',
    inputs: ['x', 'w'],
    attributes: { strides: [2, 2] },
    x: [1, 4, 5, 5],
    weights: { w: [4, 3, 2, 2] },
    loops: [5, 5, 4, 3, 2, 2],
  },
  { op: 'MatMul', inputs: ['x', 'w'], x: [2, 7, 5], weights: { w: [5, 3] }, loops: [2, 7, 3, 5] },
  { op: 'MatMul', inputs: ['x', 'y'], x: [2, 1, 7, 5], y: [4, 5, 3], loops: [2, 4, 7, 3, 5] },
  {
    op: 'Gemm',
    inputs: ['x', 'w'],
    attributes: { transA: 1, transB: 1 },
    x: [5, 7],
    weights: { w: [3, 5] },
    loops: [7, 3, 5],
  },
  { op: 'MatMulInteger', inputs: ['x', 'w'], x: [7, 5], weights: { w: [5, 3] }, loops: [7, 3, 5] },
  {
    op: 'com.microsoft.MatMulIntegerToFloat',
    inputs: ['x', 'w', 's', 's'],
    x: [2, 7, 5],
    weights: { w: [5, 3], s: [] },
    loops: [2, 7, 3, 5],
  },
  {
    op: 'com.microsoft.MatMulNBits',
    inputs: ['x', 'w', 's'],
    attributes: { K: 5, N: 3 },
    x: [2, 7, 5],
    weights: { w: [3, 1, 16], s: [3] },
    loops: [2, 7, 3, 5],
  },
  {
    op: 'Einsum',
    inputs: ['x', 'y'],
    attributes: { equation: 'bhid,bhjd->bhij' },
    x: [2, 3, 4, 5],
    y: [2, 3, 6, 5],
    loops: [2, 3, 4, 6, 5],
  },
  {
    op: 'com.microsoft.NhwcConv',
    inputs: ['x', 'w'],
    attributes: { group: 2, kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] },
    x: [2, 8, 6, 4],
    weights: { w: [6, 3, 3, 2] },
    loops: [2, 4, 3, 6, 2, 3, 3],
  },
  {
    op: 'com.microsoft.NhwcFusedConv',
    inputs: ['x', 'w'],
    attributes: { kernel_shape: [3, 3] },
    x: [2, 8, 6, 4],
    weights: { w: [5, 4, 3, 3] },
    loops: [2, 6, 4, 5, 4, 3, 3],
  },
  {
    op: 'com.microsoft.FusedConv',
    inputs: ['x', 'w'],
    x: [2, 4, 8, 6],
    weights: { w: [5, 4, 3, 3] },
    loops: [2, 6, 4, 5, 4, 3, 3],
  },
  {
    op: 'com.microsoft.FusedMatMul',
    inputs: ['x', 'y'],
    attributes: { transB: 1 },
    x: [2, 7, 5],
    y: [2, 3, 5],
    loops: [2, 7, 3, 5],
  },
  // Batch, queries, keys, heads, and both products of a head.
  {
    op: 'com.microsoft.MultiHeadAttention',
    inputs: ['x'],
    attributes: { num_heads: 2 },
    x: [2, 7, 2, 3, 5],
    loops: [2, 7, 7, 2, 5 + 5],
    constant: false,
  },
  {
    op: 'com.microsoft.MultiHeadAttention',
    inputs: ['x', 'y'],
    attributes: { num_heads: 2 },
    x: [2, 7, 10],
    y: [2, 4, 2, 2, 5],
    loops: [2, 7, 4, 2, 5 + 5],
  },
  // Tokens, and for each the columns of its projection and of the two products with as many keys.
  {
    op: 'com.microsoft.Attention',
    inputs: ['x', 'w', 'b'],
    attributes: { num_heads: 2, qkv_hidden_sizes: [8, 8, 6] },
    x: [2, 7, 5],
    weights: { w: [5, 22], b: [22] },
    loops: [2, 7, 5 * 22 + 7 * (8 + 6)],
  },
  {
    op: 'com.microsoft.QAttention',
    inputs: ['x', 'w', 'b', 's', 's'],
    attributes: { num_heads: 2 },
    x: [2, 7, 6],
    weights: { w: [6, 18], b: [18], s: [] },
    loops: [2, 7, 6 * 18 + 7 * (6 + 6)],
  },
];

test.each(CASES)(
  'countMultiplyAdds $op $inputs: the product of its loops',
  ({ op, inputs, attributes, x, y, weights = {}, loops, constant = y === undefined }) => {
    const at = op.lastIndexOf('.');
    const node = makeNode(op.slice(at + 1), inputs, ['out'], attributes, {
      domain: op.slice(0, Math.max(at, 0)),
    });
    const model = buildModel([node], {
      inputs: { x: ['float32', x], ...(y && { y: ['float32', y] }) },
      constants: Object.fromEntries(
        Object.entries(weights).map(([name, dims]) => [name, tensor('float32', dims)]),
      ),
    });
    const counted = countMultiplyAdds(model, inferShapes(model, { fused: true }));
    const { total, byNode, unknown, notCounted } = counted;
    const macs = loops.reduce((product, length) => product * length, 1);
    expect({ total, node: byNode.get(node), unknown, notCounted }).toEqual({
      total: macs,
      node: { macs, constantWeight: constant },
      unknown: [],
      notCounted: new Map(),
    });
  },
);

describe('countMultiplyAdds', () => {
  test('takes a weight behind constant nodes for constant', () => {
    const nodes = [makeNode('Transpose', ['w'], ['v']), makeNode('MatMul', ['x', 'v'], ['out'])];
    const model = buildModel(nodes, {
      inputs: { x: ['float32', [2, 5]] },
      constants: { w: tensor('float32', [3, 5]) },
    });
    expect(countMultiplyAdds(model, inferShapes(model)).byNode.get(nodes[1]!)).toEqual({
      macs: 30,
      constantWeight: true,
    });
  });

  test('lists what it cannot count, and what it does not know', () => {
    const node = makeNode('MatMul', ['x', 'x'], ['out']);
    const others = ['u', 'v'].map((name) => makeNode('Mystery', ['x'], [name], {}, { domain: 'some.where' }));
    const model = buildModel([node, ...others], { inputs: { x: ['float32', ['n', 'n']] } });
    expect(countMultiplyAdds(model, inferShapes(model))).toEqual({
      total: 0,
      byNode: new Map(),
      unknown: [node],
      notCounted: new Map([
        ['Mystery', 2],
        ['MatMul', 1],
      ]),
    });
  });

  test('tells the two products of every attention from the layers of a transformer', () => {
    const model = parseModel(loadModelFile('tiny/dit/model.onnx'));
    const shapes = inferShapes(model, {
      inputDims: { hidden_states: [1, 4, 16, 16], timestep: [1], class_labels: [1] },
    });
    const { byNode, unknown } = countMultiplyAdds(model, shapes);
    const products = [...byNode.values()].filter(({ constantWeight }) => !constantWeight);
    const softmaxes = model.graph.nodes.filter(({ opType }) => opType === 'Softmax');
    expect(unknown).toEqual([]);
    expect(products.length).toBe(2 * softmaxes.length);
  });
});
