import { makeNode, type OnnxModel } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime, Tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, largestDifference, normal, run } from '../__fixtures__/models.js';
import { momentsOf } from '../__fixtures__/moments.js';
import { shapesFor } from '../__fixtures__/quantize.js';
import { findLayers } from '../layers.js';
import { layerPatches } from './layer-patches.js';
import { momentsGraph, momentsOutput } from './moments-graph.js';
import { inputBlocks } from './second-moments.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const ALL = { rowsPerCall: 1e9, random: () => 0.5 };

/** One layer y = f(x, w), and beside it an output that does not depend on it. */
function oneLayer(
  type: 'Conv' | 'MatMul' | 'Gemm',
  x: readonly number[],
  w: readonly number[],
  attributes = {},
): { model: OnnxModel; feeds: { x: Tensor<'float32'> } } {
  const nodes = [makeNode('Sigmoid', ['x'], ['h']), makeNode(type, ['h', 'w'], ['y'], attributes)];
  const model = buildModel(nodes, { inputs: { x }, constants: { w: normal(w, 1) }, outputs: ['y'] });
  return { model, feeds: { x: normal(x, 2) } };
}

const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));

/** Every row that the layer multiplies with its weight, by what a convolution with a one-hot weight gives. */
async function rowsByProbing(model: OnnxModel, feeds: { x: Tensor<'float32'> }, width: number) {
  const outputs: Float32Array[] = [];
  const { dims } = model.graph.initializers.get('w')!;
  for (let k = 0; k < width; k++) {
    const oneHot = normal([1, ...dims.slice(1)], 1);
    oneHot.data.fill(0);
    oneHot.data[k] = 1;
    const node = model.graph.nodes[1]!;
    const probe = buildModel([model.graph.nodes[0]!, node], {
      inputs: { x: feeds.x.dims },
      constants: { w: oneHot },
      outputs: ['y'],
    });
    outputs.push((await run(runtime, probe, feeds)).y!.data);
  }
  const count = outputs[0]!.length;
  return Float32Array.from(
    { length: count * width },
    (_, at) => outputs[at % width]![Math.floor(at / width)]!,
  );
}

async function observed(model: OnnxModel, feeds: { x: Tensor<'float32'> }, largestBlock = 1000) {
  const [layer] = findLayers(model.graph);
  const patches = layerPatches(layer!, shapesFor(model, feeds))!;
  const blocks = inputBlocks(patches.width, largestBlock);
  const graph = momentsGraph(model, [{ patches, blocks }], ALL);
  const outputs = await run(runtime, graph, feeds);
  return { patches, blocks, sums: blocks.map((_, b) => outputs[momentsOutput(0, b)]!.data), graph };
}

describe('momentsGraph, with as many rows as there are', () => {
  test.each([
    ['3×3, padded', [1, 2, 5, 4], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }],
    [
      '3×3, every second, padded at the end',
      [2, 3, 6, 6],
      [4, 3, 3, 3],
      { strides: [2, 2], pads: [0, 0, 1, 1] },
    ],
    ['2×3, dilated', [1, 2, 7, 6], [2, 2, 2, 3], { dilations: [2, 1], pads: [1, 0, 0, 2] }],
    ['1×1', [2, 6, 3, 3], [2, 6, 1, 1], {}],
  ])('of a convolution, %s, gives Σ x xᵀ of its patches', async (_, x, w, attributes) => {
    const { model, feeds } = oneLayer('Conv', x, w, attributes);
    const { patches, sums } = await observed(model, feeds);
    const rows = await rowsByProbing(model, feeds, patches.width);
    expect(patches.rows).toBe(rows.length / patches.width);
    expect(largestDifference(momentsOf(rows, patches.width).sums[0]!, sums[0]!)).toBeLessThan(1e-3);
  });

  test.each([
    ['MatMul', [2, 5, 6], [6, 3], {}],
    ['Gemm', [5, 6], [6, 3], {}],
    ['Gemm', [5, 6], [3, 6], { transB: 1 }],
  ] as const)('of a %s of %j gives Σ x xᵀ of its tokens', async (type, x, w, attributes) => {
    const { model, feeds } = oneLayer(type, x, w, attributes);
    const { sums } = await observed(model, feeds);
    const rows = feeds.x.data.map(sigmoid);
    expect(largestDifference(momentsOf(rows, 6).sums[0]!, sums[0]!)).toBeLessThan(1e-3);
  });

  test('in blocks gives those between inputs of the same block', async () => {
    const { model, feeds } = oneLayer('MatMul', [9, 10], [10, 3]);
    const { blocks, sums } = await observed(model, feeds, 4);
    const expected = momentsOf(feeds.x.data.map(sigmoid), 10, blocks);
    expect(blocks.map(({ size }) => size)).toEqual([3, 4, 3]);
    for (const [b, sum] of sums.entries()) {
      expect(largestDifference(expected.sums[b]!, sum)).toBeLessThan(1e-3);
    }
  });

  test('leaves out what the rows do not depend on', async () => {
    const { model, feeds } = oneLayer('MatMul', [9, 10], [10, 3]);
    const { graph } = await observed(model, feeds);
    expect(graph.graph.initializers.has('w')).toBe(false);
    expect(graph.graph.nodes.map(({ opType }) => opType).sort()).toEqual(
      ['Concat', 'Gather', 'MatMul', 'Reshape', 'Sigmoid', 'Transpose'].sort(),
    );
  });
});

test('momentsGraph takes as many rows as asked for, none twice', async () => {
  const { model, feeds } = oneLayer('MatMul', [40, 1], [1, 3]);
  feeds.x.data.forEach((_, i) => {
    // Powers of two below the sigmoid's flat end tell which rows are in the sum.
    feeds.x.data[i] = i % 2 === 0 ? 50 : -50;
  });
  const [layer] = findLayers(model.graph);
  const patches = layerPatches(layer!, shapesFor(model, feeds))!;
  const random = { values: [0.9, 0.1, 0.5, 0.99, 0.3, 0.7], at: 0 };
  const graph = momentsGraph(model, [{ patches, blocks: inputBlocks(1, 1) }], {
    rowsPerCall: 40,
    random: () => random.values[random.at++ % 6]!,
  });
  // All forty rows, each once: twenty ones and twenty zeros.
  expect((await run(runtime, graph, feeds))[momentsOutput(0, 0)]!.data[0]).toBeCloseTo(20, 4);
});

test('momentsGraph refuses no sites', () => {
  const { model } = oneLayer('MatMul', [4, 2], [2, 3]);
  expect(() => momentsGraph(model, [], ALL)).toThrowError(expect.objectContaining({ code: 'calibration' }));
});

describe('layerPatches', () => {
  test.each([
    ['in groups', [4, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
    ['with automatic padding', [4, 4, 3, 3], { auto_pad: 'SAME_UPPER' }],
  ])('gives nothing for a convolution %s', (_, w, attributes) => {
    const { model, feeds } = oneLayer('Conv', [1, 4, 5, 5], w, attributes);
    const [layer] = findLayers(model.graph);
    expect(layerPatches(layer!, shapesFor(model, feeds))).toBeUndefined();
  });

  test('has one key for layers that read the same rows, and another for other windows', () => {
    const nodes = [
      makeNode('Conv', ['x', 'a'], ['y1'], { pads: [1, 1, 1, 1] }),
      makeNode('Conv', ['x', 'b'], ['y2'], { pads: [1, 1, 1, 1] }),
      makeNode('Conv', ['x', 'b'], ['y3'], { pads: [2, 2, 2, 2] }),
    ];
    const constants = { a: normal([3, 2, 3, 3], 1), b: normal([5, 2, 3, 3], 2) };
    const model = buildModel(nodes, { inputs: { x: [1, 2, 5, 5] }, constants, outputs: ['y1', 'y2', 'y3'] });
    const shapes = shapesFor(model, { x: normal([1, 2, 5, 5], 1) });
    const [first, second, third] = findLayers(model.graph).map((layer) => layerPatches(layer, shapes)!.key);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });
});
