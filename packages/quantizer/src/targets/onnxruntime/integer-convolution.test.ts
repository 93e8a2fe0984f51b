import { makeNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emulateConvolution, gridAt, type Window } from '../../__fixtures__/emulate.js';
import {
  buildModel,
  callIndex,
  largestDifference,
  normal,
  run,
  signalToNoise,
} from '../../__fixtures__/models.js';
import { observeGrids, quantize } from '../../__fixtures__/quantize.js';
import { toIntegerGraph } from '../../integer-graph.js';
import { findLayers } from '../../layers.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

interface Case {
  readonly name: string;
  readonly weight: readonly [number, number, number, number];
  readonly bias: boolean;
  readonly window: Window;
  readonly autoPad?: string;
}

const CASES: readonly Case[] = [
  { name: '3×3 with bias', weight: [8, 6, 3, 3], bias: true, window: { pads: [1, 1, 1, 1] } },
  { name: '3×3 without bias', weight: [8, 6, 3, 3], bias: false, window: { pads: [1, 1, 1, 1] } },
  { name: 'stride 2', weight: [8, 6, 3, 3], bias: true, window: { strides: [2, 2], pads: [1, 1, 1, 1] } },
  {
    name: 'uneven padding',
    weight: [8, 6, 3, 3],
    bias: true,
    window: { strides: [2, 2], pads: [0, 0, 1, 1] },
  },
  { name: '1×1 with stride 2', weight: [8, 6, 1, 1], bias: true, window: { strides: [2, 2] } },
  { name: 'two groups', weight: [8, 3, 3, 3], bias: true, window: { pads: [1, 1, 1, 1], group: 2 } },
  { name: 'depthwise', weight: [6, 1, 3, 3], bias: true, window: { pads: [1, 1, 1, 1], group: 6 } },
  { name: 'dilation 2', weight: [8, 6, 3, 3], bias: true, window: { pads: [2, 2, 2, 2], dilations: [2, 2] } },
  { name: '1×3 kernel', weight: [8, 6, 1, 3], bias: true, window: { pads: [0, 1, 0, 1] } },
  // 10 × 9 with stride 2: one row is padded at the bottom, one column on either side.
  {
    name: 'auto_pad SAME_UPPER',
    weight: [8, 6, 3, 3],
    bias: true,
    window: { strides: [2, 2], pads: [0, 1, 1, 1] },
    autoPad: 'SAME_UPPER',
  },
];

const X_DIMS = [1, 6, 10, 9];
/** Shifted, so that zero points are neither 0 nor 128, and different at every call. */
const feedsByCall = [
  { x: normal(X_DIMS, 1, { mean: 0.7 }) },
  { x: normal(X_DIMS, 2, { mean: -2, deviation: 4 }) },
  { x: normal(X_DIMS, 3, { deviation: 0.01 }) },
];

function modelOf({ weight, bias, window, autoPad }: Case) {
  const { strides, pads, dilations, group } = window;
  const node = makeNode('Conv', ['x', 'w', ...(bias ? ['b'] : [])], ['y'], {
    strides,
    dilations,
    group,
    ...(autoPad ? { auto_pad: autoPad } : { pads }),
  });
  return buildModel([node], {
    inputs: { x: X_DIMS },
    constants: { w: normal(weight, 4, { deviation: 0.2 }), ...(bias ? { b: normal([weight[0]], 5) } : {}) },
    outputs: ['y'],
  });
}

/** Offsets in the units of each call's output, so that the output range still holds what is corrected. */
function correctionFor(channels: number) {
  const count = feedsByCall.length * channels;
  const sizes = [0.05, 0.2, 0.0005];
  return {
    scale: Float32Array.from({ length: count }, (_, i) => 0.9 + 0.03 * (i % 7)),
    offset: Float32Array.from({ length: count }, (_, i) => ((i % 5) - 2) * sizes[Math.floor(i / channels)]!),
  };
}

describe.each(CASES)('a convolution as integers, $name', (shape) => {
  const model = modelOf(shape);

  test('is close to float, at every call', async () => {
    const integer = await quantize(runtime, model, feedsByCall);
    expect(integer.model.graph.nodes.filter(({ opType }) => opType === 'QLinearConv')).toHaveLength(1);
    for (const [call, feeds] of feedsByCall.entries()) {
      const expected = (await run(runtime, model, feeds)).y!;
      const actual = (await run(runtime, integer.model, { ...feeds, call_index: callIndex(call) })).y!;
      expect(actual.dims).toEqual(expected.dims);
      // Three roundings to a 255th (a 128th) of ranges of 4 to 6 deviations leave 35 dB and more.
      expect(signalToNoise(expected.data, actual.data)).toBeGreaterThan(32);
    }
  });

  test.each([false, true])('is what integer arithmetic gives, corrected: %s', async (corrected) => {
    const [id] = (await quantize(runtime, model, feedsByCall)).layers.map((layer) => layer.id);
    const correction = corrected ? correctionFor(shape.weight[0]) : undefined;
    const corrections = new Map(correction ? [[id!, correction]] : []);
    const bias = shape.bias ? normal([shape.weight[0]], 5).data : undefined;
    const biasAt = ([, channels, height, width]: readonly number[], i: number) =>
      bias?.[Math.floor(i / (height! * width!)) % channels!] ?? 0;
    const {
      model: graph,
      layers,
      grids,
      packed,
    } = await quantize(runtime, model, feedsByCall, { corrections });
    for (const [call, feeds] of feedsByCall.entries()) {
      const y = (await run(runtime, graph, { ...feeds, call_index: callIndex(call) })).y!;
      const unbiased = await emulateConvolution(layers[0]!, feeds.x, shape.window, {
        grids,
        packed: packed.get(id!)!,
        call,
        correction,
      });
      const emulated = unbiased.map((value, i) => value + biasAt(y.dims, i));
      const step = gridAt(grids, layers[0]!.output, call).scale;
      // The runtime multiplies in float32: a value at the middle of two levels may go to either.
      expect(largestDifference(y.data, emulated)).toBeLessThan(1.001 * step);
      const moved = y.data.filter((value, i) => Math.abs(value - emulated[i]!) > 0.001 * step);
      expect(moved.length).toBeLessThanOrEqual(y.data.length / 200);
    }
  });
});

test('toIntegerGraph refuses a convolution whose bias was not detached', async () => {
  const model = modelOf(CASES[0]!);
  const { packed } = await quantize(runtime, model, feedsByCall);
  const compute = new Map([['w:y', [...packed.values()][0]!]]);
  const grids = await observeGrids(runtime, model, findLayers(model.graph), feedsByCall);
  const plan = { compute, store: new Map(), grids, corrections: new Map(), shapes: new Map() };
  expect(() => toIntegerGraph(model, plan)).toThrowError(
    expect.objectContaining({ code: 'unsupported', where: 'w:y' }),
  );
});

describe('toIntegerGraph with a correction that does not fit', () => {
  const model = modelOf(CASES[0]!);
  const good = correctionFor(8);
  test.each([
    ['of too few calls', { scale: good.scale.subarray(8), offset: good.offset.subarray(8) }],
    ['with a scale of zero', { ...good, scale: good.scale.map((value, i) => (i === 3 ? 0 : value)) }],
    ['with NaN', { ...good, offset: good.offset.map((value, i) => (i === 3 ? Number.NaN : value)) }],
  ])('refuses one %s', async (_, correction) => {
    const corrections = new Map([['w:y/unbiased', correction]]);
    await expect(quantize(runtime, model, feedsByCall, { corrections })).rejects.toThrowError(
      expect.objectContaining({ code: 'shape', where: 'w:y/unbiased' }),
    );
  });
});

test('toIntegerGraph names the tensor that was not observed', async () => {
  const model = modelOf({ ...CASES[0]!, bias: false });
  const { packed, grids } = await quantize(runtime, model, feedsByCall);
  const other = { ...grids, sites: ['x', 'elsewhere'] };
  const plan = { compute: packed, store: new Map(), grids: other, corrections: new Map(), shapes: new Map() };
  expect(() => toIntegerGraph(model, plan)).toThrowError(
    expect.objectContaining({ code: 'calibration', where: 'y' }),
  );
});

test('toIntegerGraph leaves its argument as it was, and can be called twice', async () => {
  const model = modelOf(CASES[0]!);
  const before = JSON.stringify([
    model.graph.nodes.map((node) => [node.opType, node.inputs]),
    [...model.graph.initializers.keys()],
  ]);
  const first = await quantize(runtime, model, feedsByCall);
  const second = await quantize(runtime, model, feedsByCall);
  expect(
    JSON.stringify([
      model.graph.nodes.map((node) => [node.opType, node.inputs]),
      [...model.graph.initializers.keys()],
    ]),
  ).toBe(before);
  expect(second.model.graph.nodes).toEqual(first.model.graph.nodes);
});

test('toIntegerGraph refuses a model below opset 13', async () => {
  const model = modelOf(CASES[0]!);
  model.opsetImports.set('', 12);
  await expect(quantize(runtime, model, feedsByCall)).rejects.toThrowError(
    expect.objectContaining({ code: 'unsupported', got: 'opset 12' }),
  );
});
