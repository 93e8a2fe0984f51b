import { encodeModel, makeNode, type OnnxModel, type OnnxNode, parseModel } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime, Tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { correctionFor } from '../__fixtures__/corrections.js';
import { buildModel, callIndex, normal, run, signalToNoise } from '../__fixtures__/models.js';
import { quantize } from '../__fixtures__/quantize.js';
import { onnxRuntimeTarget, qdqTarget } from '../index.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const IMAGE = [1, 6, 5, 4];
const TOKENS = [2, 5, 12];
const ROWS = [7, 12];
const BIAS = normal([10], 7, { mean: 3, deviation: 2 });

interface Case {
  readonly name: string;
  readonly xDims: readonly number[];
  readonly nodes: readonly OnnxNode[];
  readonly constants: Readonly<Record<string, Tensor>>;
  /** Of y's dimensions. */
  readonly channelAxis: number;
}

const convolution = (kernel: number, attributes: Record<string, number[]>, hasBias: boolean) => ({
  xDims: IMAGE,
  nodes: [makeNode('Conv', ['x', 'w', ...(hasBias ? ['b'] : [])], ['y'], attributes)],
  constants: { w: normal([10, 6, kernel, kernel], 3, { deviation: 0.3 }), ...(hasBias && { b: BIAS }) },
  channelAxis: 1,
});

/** Whatever a layer can be: a bias that is lost, or added twice, is as large as the products here. */
const CASES: readonly Case[] = [
  { name: 'a 3×3 convolution', ...convolution(3, { pads: [1, 1, 1, 1] }, false) },
  { name: 'a 3×3 convolution with a bias', ...convolution(3, { pads: [1, 1, 1, 1] }, true) },
  { name: 'a 3×3 convolution with stride and bias', ...convolution(3, { strides: [2, 2] }, true) },
  { name: 'a 1×1 convolution', ...convolution(1, {}, false) },
  { name: 'a 1×1 convolution with a bias', ...convolution(1, {}, true) },
  { name: 'a 1×1 convolution with stride and bias', ...convolution(1, { strides: [2, 2] }, true) },
  {
    name: 'MatMul',
    xDims: TOKENS,
    nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
    constants: { w: normal([12, 10], 1, { deviation: 0.3 }) },
    channelAxis: 2,
  },
  {
    name: 'MatMul with its bias in an Add',
    xDims: TOKENS,
    nodes: [makeNode('MatMul', ['x', 'w'], ['product']), makeNode('Add', ['b', 'product'], ['y'])],
    constants: { w: normal([12, 10], 1, { deviation: 0.3 }), b: BIAS },
    channelAxis: 2,
  },
  {
    name: 'Gemm with a bias',
    xDims: ROWS,
    nodes: [makeNode('Gemm', ['x', 'w', 'b'], ['y'])],
    constants: { w: normal([12, 10], 2, { deviation: 0.3 }), b: BIAS },
    channelAxis: 1,
  },
  {
    name: 'Gemm with transB and a bias',
    xDims: ROWS,
    nodes: [makeNode('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 })],
    constants: { w: normal([10, 12], 2, { deviation: 0.3 }), b: BIAS },
    channelAxis: 1,
  },
];

const modelOf = ({ nodes, xDims, constants }: Case): OnnxModel =>
  buildModel([...nodes], { inputs: { x: xDims }, constants, outputs: ['y'] });

describe.each([onnxRuntimeTarget, qdqTarget])('the target $name', (target) => {
  describe.each(CASES)('$name', (shape) => {
    const { xDims, channelAxis } = shape;
    const model = modelOf(shape);
    // The second call is shifted and four times as wide: it has a grid of its own.
    const feedsByCall = [
      { x: normal(xDims, 5, { mean: 0.7 }) },
      { x: normal(xDims, 6, { mean: -2, deviation: 4 }) },
    ];

    test('computes what the float layer does, at every call', async () => {
      const { model: integer } = await quantize(runtime, model, feedsByCall, { target });
      for (const [call, feeds] of feedsByCall.entries()) {
        const y = (await run(runtime, integer, { ...feeds, call_index: callIndex(call) })).y!;
        const expected = (await run(runtime, model, feeds)).y!;
        expect(y.dims).toEqual(expected.dims);
        expect(signalToNoise(expected.data, y.data)).toBeGreaterThan(30);
      }
    });

    test('multiplies and shifts the products of each channel by the correction of the call, not the bias', async () => {
      const { b: _, ...unbiased } = shape.constants;
      const plain = await quantize(runtime, model, feedsByCall, { target });
      const [id] = plain.packed.keys();
      const correction = correctionFor(10, feedsByCall.length);
      const { model: integer } = await quantize(runtime, model, feedsByCall, {
        target,
        corrections: new Map([[id!, correction]]),
      });
      const bias = shape.constants.b?.data as Float32Array | undefined;
      const zero = { ...unbiased, ...(bias && { b: normal([10], 1, { deviation: 0 }) }) };
      const products = modelOf({ ...shape, constants: zero });
      for (const [call, feeds] of feedsByCall.entries()) {
        const y = (await run(runtime, integer, { ...feeds, call_index: callIndex(call) })).y!;
        const sum = (await run(runtime, products, feeds)).y!;
        const inner = sum.dims.slice(channelAxis + 1).reduce((product, dim) => product * dim, 1);
        const expected = sum.data.map((value, i) => {
          const channel = Math.floor(i / inner) % 10;
          const at = call * 10 + channel;
          return value * correction.scale[at]! + correction.offset[at]! + (bias?.[channel] ?? 0);
        });
        expect(signalToNoise(expected, y.data)).toBeGreaterThan(25);
      }
    });

    test('imports the operator sets that it says, and no other', async () => {
      const { model: integer } = await quantize(runtime, model, feedsByCall, { target });
      const { graph, opsetImports } = parseModel(encodeModel(integer));
      expect([...opsetImports.keys()].sort()).toEqual(['', ...Object.keys(target.opsets)].sort());
      for (const { domain } of graph.nodes) expect(opsetImports.has(domain)).toBe(true);
    });
  });

  test('leaves layers that were not chosen as they are', async () => {
    const model = buildModel([makeNode('MatMul', ['x', 'v'], ['a']), makeNode('MatMul', ['x', 'w'], ['b'])], {
      inputs: { x: TOKENS },
      constants: {
        v: normal([12, 10], 1, { deviation: 0.3 }),
        w: normal([12, 3], 9, { deviation: 0.3 }),
      },
      outputs: ['a', 'b'],
    });
    const feeds = { x: normal(TOKENS, 5) };
    const { model: integer } = await quantize(runtime, model, [feeds], {
      target,
      choose: ({ weight }) => weight.name === 'v',
    });
    const made = await run(runtime, integer, { ...feeds, call_index: callIndex(0) });
    const expected = await run(runtime, model, feeds);
    expect(signalToNoise(expected.b!.data, made.b!.data)).toBeGreaterThan(110);
    const rounded = signalToNoise(expected.a!.data, made.a!.data);
    expect(rounded).toBeGreaterThan(30);
    expect(rounded).toBeLessThan(60);
  });
});
