import { makeNode, type OnnxNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime, Tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emulateProduct } from '../../__fixtures__/emulate.js';
import {
  buildModel,
  callIndex,
  int64s,
  largestDifference,
  normal,
  run,
  signalToNoise,
} from '../../__fixtures__/models.js';
import { quantize } from '../../__fixtures__/quantize.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const w = normal([12, 10], 1, { deviation: 0.3 });
const transposed = normal([10, 12], 2, { deviation: 0.3 });
const b = normal([10], 3);

interface Case {
  readonly name: string;
  readonly nodes: () => OnnxNode[];
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly xDims: readonly number[];
}

const CASES: readonly Case[] = [
  {
    name: 'MatMul',
    nodes: () => [makeNode('MatMul', ['x', 'w'], ['y'])],
    constants: { w },
    xDims: [2, 5, 12],
  },
  {
    name: 'MatMul and Add',
    nodes: () => [makeNode('MatMul', ['x', 'w'], ['m']), makeNode('Add', ['b', 'm'], ['y'])],
    constants: { w, b },
    xDims: [2, 5, 12],
  },
  {
    name: 'Gemm with transB',
    nodes: () => [makeNode('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 })],
    constants: { w: transposed, b },
    xDims: [7, 12],
  },
  {
    name: 'Gemm without transB and bias',
    nodes: () => [makeNode('Gemm', ['x', 'w'], ['y'])],
    constants: { w },
    xDims: [7, 12],
  },
];

describe.each(CASES)('$name as integers', ({ nodes, constants, xDims }) => {
  const model = buildModel(nodes(), { inputs: { x: xDims }, constants, outputs: ['y'] });
  const feedsByCall = [
    { x: normal(xDims, 4, { mean: 0.7 }) },
    { x: normal(xDims, 5, { mean: -2, deviation: 4 }) },
  ];

  test.each([false, true])(
    'is what integer arithmetic gives at every call, corrected: %s',
    async (corrected) => {
      const { layers } = await quantize(runtime, model, feedsByCall);
      expect(layers.map(({ kind, output }) => [kind, output])).toEqual([['linear', 'y']]);
      const correction = corrected
        ? { scale: normal([20], 6, { mean: 1, deviation: 0.1 }).data, offset: normal([20], 7).data }
        : undefined;
      const corrections = new Map(correction ? [[layers[0]!.id, correction]] : []);
      const integer = await quantize(runtime, model, feedsByCall, { corrections });
      const types = integer.model.graph.nodes.map(({ opType }) => opType);
      expect(types).toContain('MatMulIntegerToFloat');
      for (const float of ['MatMul', 'Gemm', 'Add']) expect(types).not.toContain(float);
      for (const [call, feeds] of feedsByCall.entries()) {
        const y = (await run(runtime, integer.model, { ...feeds, call_index: callIndex(call) })).y!;
        const emulated = await emulateProduct(layers[0]!, feeds.x.data, {
          grids: integer.grids,
          packed: integer.packed.get(layers[0]!.id)!,
          call,
          correction,
        });
        // No rounding of the output: what is left is float32 arithmetic.
        const largest = emulated.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largestDifference(y.data, emulated)).toBeLessThan(2e-6 * largest);
        const expected = (await run(runtime, model, feeds)).y!;
        expect(y.dims).toEqual(expected.dims);
        if (!corrected) expect(signalToNoise(expected.data, y.data)).toBeGreaterThan(32);
      }
    },
  );

  test('reads the row of the call it is told', async () => {
    const integer = await quantize(runtime, model, feedsByCall);
    const right = await run(runtime, integer.model, { ...feedsByCall[1], call_index: callIndex(1) });
    const wrong = await run(runtime, integer.model, { ...feedsByCall[1], call_index: callIndex(0) });
    const expected = (await run(runtime, model, feedsByCall[1]!)).y!;
    const quality = signalToNoise(expected.data, right.y!.data);
    // The grid of call 0 ends long before the values of call 1.
    expect(quality).toBeGreaterThan(signalToNoise(expected.data, wrong.y!.data) + 15);
  });
});

describe('a 1×1 convolution as integers', () => {
  const dims = [2, 12, 4, 5];
  const constants = {
    w: normal([10, 12, 1, 1], 1, { deviation: 0.3 }),
    b,
    toImage: int64s(2, 4, 5, 12),
    toTokens: int64s(2, 20, 10),
  };
  const conv = () => makeNode('Conv', ['x', 'w', 'b'], ['y'], { kernel_shape: [1, 1] });
  const feeds = { x: normal(dims, 2, { mean: 0.5 }) };

  test('on an image is a product between two layout changes', async () => {
    const model = buildModel([conv()], {
      inputs: { x: dims },
      constants: { w: constants.w, b },
      outputs: ['y'],
    });
    const { model: integer, layers } = await quantize(runtime, model, [feeds]);
    expect(layers[0]!.kind).toBe('pointwise');
    const types = integer.graph.nodes.map(({ opType }) => opType);
    expect(types.filter((type) => type === 'Transpose')).toHaveLength(2);
    expect(types).toContain('MatMulIntegerToFloat');
    const expected = (await run(runtime, model, feeds)).y!;
    const { y } = await run(runtime, integer, { ...feeds, call_index: callIndex(0) });
    expect(y!.dims).toEqual(expected.dims);
    expect(signalToNoise(expected.data, y!.data)).toBeGreaterThan(32);
  });

  /** Tokens to an image, the convolution, and back to tokens. */
  const tokenNodes = () => [
    makeNode('Reshape', ['tokens', 'toImage'], ['image']),
    makeNode('Transpose', ['image'], ['x'], { perm: [0, 3, 1, 2] }),
    conv(),
    makeNode('Transpose', ['y'], ['last'], { perm: [0, 2, 3, 1] }),
    makeNode('Reshape', ['last', 'toTokens'], ['out']),
  ];
  const tokens = { tokens: normal([2, 20, 12], 3, { mean: 0.5 }) };

  test('between tokens reads and writes the tokens themselves', async () => {
    const model = buildModel(tokenNodes(), { inputs: { tokens: [2, 20, 12] }, constants, outputs: ['out'] });
    const { model: integer } = await quantize(runtime, model, [tokens]);
    const types = integer.graph.nodes.map(({ opType }) => opType).sort();
    // A row of scales, one tensor quantized, one product; no layout change is left.
    expect(types).toEqual(['Gather', 'Identity', 'MatMulIntegerToFloat', 'QuantizeLinear']);
    const expected = (await run(runtime, model, tokens)).out!;
    const { out } = await run(runtime, integer, { ...tokens, call_index: callIndex(0) });
    expect(out!.dims).toEqual(expected.dims);
    expect(signalToNoise(expected.data, out!.data)).toBeGreaterThan(32);
  });

  test('keeps the image where something else reads it', async () => {
    const nodes = [...tokenNodes(), makeNode('Relu', ['y'], ['branch'])];
    const model = buildModel(nodes, {
      inputs: { tokens: [2, 20, 12] },
      constants,
      outputs: ['out', 'branch'],
    });
    const { model: integer } = await quantize(runtime, model, [tokens]);
    const expected = await run(runtime, model, tokens);
    const actual = await run(runtime, integer, { ...tokens, call_index: callIndex(0) });
    for (const name of ['out', 'branch']) {
      expect(signalToNoise(expected[name]!.data, actual[name]!.data)).toBeGreaterThan(32);
    }
  });

  test('next to a linear layer on the same tokens leaves each its own grid', async () => {
    const nodes = [...tokenNodes(), makeNode('MatMul', ['tokens', 'linear'], ['side'])];
    const model = buildModel(nodes, {
      inputs: { tokens: [2, 20, 12] },
      constants: { ...constants, linear: w },
      outputs: ['out', 'side'],
    });
    const integer = await quantize(runtime, model, [tokens]);
    const quantized = integer.model.graph.nodes.filter(({ opType }) => opType === 'QuantizeLinear');
    expect(new Set(quantized.map(({ inputs }) => inputs[1])).size).toBe(2);
    const linear = integer.layers.find(({ output }) => output === 'side')!;
    const { side } = await run(runtime, integer.model, { ...tokens, call_index: callIndex(0) });
    const emulated = await emulateProduct(linear, tokens.tokens.data, {
      grids: integer.grids,
      packed: integer.packed.get(linear.id)!,
      call: 0,
    });
    expect(largestDifference(side!.data, emulated)).toBeLessThan(1e-5);
  });
});
