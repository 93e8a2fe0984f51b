import { expect, test } from 'vitest';
import { buildModel, int64s } from '../__fixtures__/build-model.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { OnnxModel } from '../model.js';
import { makeNode } from '../node.js';
import { parseModel } from '../read/parse-model.js';
import { encodeModel } from '../write/encode-model.js';
import { toHalfPrecision } from './to-half-precision.js';

const DIMS = { x: [1, 4] };
const WEIGHT = Float32Array.of(0, 1, 2, 3, 4, 5, 0, 0);

/** y = sigmoid(p) and z = Σ p, where p = (x + x) · w. */
function model(): OnnxModel {
  return buildModel(
    [
      makeNode('Add', ['x', 'x'], ['s']),
      makeNode('MatMul', ['s', 'w'], ['p']),
      makeNode('Sigmoid', ['p'], ['y']),
      makeNode('ReduceSum', ['p', 'axes'], ['z']),
    ],
    {
      inputs: { x: ['float32', [1, 4]] },
      constants: { w: { dtype: 'float32', dims: [4, 2], data: WEIGHT }, axes: int64s(1) },
      outputs: ['y', 'z'],
    },
  );
}

const halve = (given: OnnxModel, inputDims: Readonly<Record<string, readonly number[]>> = DIMS) =>
  toHalfPrecision(given, inferShapes(given, { inputDims }));

/** The element type that a node of this type takes, by what was put in front of it. */
function typeBefore({ graph }: OnnxModel, opType: string): string {
  const { inputs } = graph.nodes.find((node) => node.opType === opType)!;
  return inputs[0]!.endsWith('/half') ? 'float16' : 'float32';
}

test('toHalfPrecision computes layers and what follows in float16, sums before and reductions in float32', () => {
  const half = halve(model());
  const types = ['Add', 'MatMul', 'Sigmoid', 'ReduceSum'].map((type) => typeBefore(half, type));
  expect(types).toEqual(['float32', 'float16', 'float16', 'float32']);
  expect(half.graph.initializers.get('w')).toEqual(model().graph.initializers.get('w'));
});

test('toHalfPrecision keeps names and types of inputs and outputs', async () => {
  const half = halve(model());
  expect([half.graph.inputs, half.graph.outputs]).toEqual([model().graph.inputs, model().graph.outputs]);
  const feeds = randomFeeds(half, DIMS, 1);
  const [given, expected] = [
    await runModel(encodeModel(half), feeds),
    await runModel(encodeModel(model()), feeds),
  ];
  for (const name of ['y', 'z']) {
    expect(given[name]!.type).toBe('float32');
    const [a, b] = [given, expected].map((results) => Number(results[name]!.data[0]));
    expect(Math.abs(a! - b!)).toBeLessThan(0.01);
  }
});

test('toHalfPrecision of a U-Net gives its outputs to three digits, and leaves its argument alone', async () => {
  const bytes = loadModelFile('fashion-sd/unet/model.onnx');
  const given = parseModel(bytes);
  const inputDims = exampleDims(given);
  const half = halve(given, inputDims as Record<string, number[]>);
  expect(Buffer.compare(encodeModel(given), encodeModel(parseModel(bytes)))).toBe(0);
  const feeds = randomFeeds(given, inputDims, 1);
  const [expected, got] = [
    (await runModel(encodeModel(given), feeds)).out_sample!.data as Float32Array,
    (await runModel(encodeModel(half), feeds)).out_sample!.data as Float32Array,
  ];
  const error = Math.hypot(...expected.map((value, i) => value - got[i]!)) / Math.hypot(...expected);
  expect(error).toBeGreaterThan(0);
  expect(error).toBeLessThan(0.002);
});
