import { encodeModel, makeNode, type OnnxModel, parseModel, readWeight } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Tensor, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { correctionFor } from '../../__fixtures__/corrections.js';
import { gridAt, roundEven } from '../../__fixtures__/emulate.js';
import { buildModel, callIndex, normal, run, signalToNoise } from '../../__fixtures__/models.js';
import { type Quantized, quantize } from '../../__fixtures__/quantize.js';
import { qdqTarget } from '../../index.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

interface Case {
  readonly name: string;
  readonly node: ReturnType<typeof makeNode>;
  readonly xDims: readonly number[];
  readonly weight: Tensor<'float32'>;
  readonly bias?: Tensor<'float32'>;
}

const MATRIX = normal([12, 10], 1, { deviation: 0.3 });
const TURNED = normal([10, 12], 2, { deviation: 0.3 });
const KERNEL = normal([6, 4, 3, 3], 3, { deviation: 0.2 });
const POINT = normal([6, 4, 1, 1], 4, { deviation: 0.4 });
const IMAGE = [1, 4, 6, 5];

const CASES: readonly Case[] = [
  { name: 'MatMul', xDims: [2, 5, 12], node: makeNode('MatMul', ['x', 'w'], ['y']), weight: MATRIX },
  {
    name: 'Gemm with transB and a bias',
    xDims: [7, 12],
    node: makeNode('Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 }),
    weight: TURNED,
    bias: normal([10], 7),
  },
  {
    name: 'a 3×3 convolution with a bias',
    xDims: IMAGE,
    node: makeNode('Conv', ['x', 'w', 'b'], ['y'], { pads: [1, 1, 1, 1], strides: [2, 2] }),
    weight: KERNEL,
    bias: normal([6], 8),
  },
  { name: 'a 1×1 convolution', xDims: IMAGE, node: makeNode('Conv', ['x', 'w'], ['y']), weight: POINT },
  {
    name: 'a 1×1 convolution with a bias',
    xDims: IMAGE,
    node: makeNode('Conv', ['x', 'w', 'b'], ['y']),
    weight: POINT,
    bias: normal([6], 9),
  },
];

function modelOf({ node, xDims, weight, bias }: Case): OnnxModel {
  const constants = { w: weight, ...(bias && { b: bias }) };
  return buildModel([node], { inputs: { x: xDims }, constants, outputs: ['y'] });
}

/** The tensor on its grid: clip(round(x / s) + z) − z, times s. */
function fakeQuantized(x: Tensor<'float32'>, { grids }: Quantized, call: number): Tensor<'float32'> {
  const { scale, zeroPoint } = gridAt(grids, 'x', call);
  const level = (value: number) =>
    Math.min(255, Math.max(0, roundEven(Math.fround(value / scale)) + zeroPoint));
  return tensor(
    'float32',
    x.dims,
    x.data.map((value) => (level(value) - zeroPoint) * scale),
  );
}

/** integers · scales, in the layout of the float weight. */
async function roundedWeight({ packed }: Quantized, weight: Tensor<'float32'>): Promise<Tensor<'float32'>> {
  const { integers, scales } = [...packed.values()][0]!;
  const { data } = await readWeight(integers);
  const channels = scales.length;
  const size = data.length / channels;
  // Matrix products are packed [inputs, channels]; MatMul has its weight so, the others channels first.
  const columns = integers.dims.length === 2;
  const at = (channel: number, input: number) =>
    Number(columns ? data[input * channels + channel] : data[channel * size + input]) * scales[channel]!;
  const inputsFirst = weight.dims.length === 2 && weight.dims[0] === size && weight.dims[1] === channels;
  const values = Float32Array.from(weight.data, (_, i) =>
    inputsFirst ? at(i % channels, Math.floor(i / channels)) : at(Math.floor(i / size), i % size),
  );
  return tensor('float32', weight.dims, values);
}

describe.each(CASES)('qdqTarget, $name', (shape) => {
  const { xDims, weight, bias } = shape;
  const model = modelOf(shape);
  const channels = weight.dims[shape.name === 'MatMul' ? 1 : 0]!;
  const feedsByCall = [
    { x: normal(xDims, 5, { mean: 0.7 }) },
    { x: normal(xDims, 6, { mean: -2, deviation: 4 }) },
  ];

  test('writes standard operators alone, whose scales and zero points are constants', async () => {
    const { model: integer, packed } = await quantize(runtime, model, feedsByCall, { target: qdqTarget });
    const { graph, opsetImports } = parseModel(encodeModel(integer));
    expect([...opsetImports.keys()]).toEqual(['']);
    expect(new Set(graph.nodes.map(({ domain }) => domain))).toEqual(new Set(['']));
    const pairs = graph.nodes.filter(({ opType }) => /^(Quantize|Dequantize)Linear$/.test(opType));
    expect(pairs.map(({ opType }) => opType).sort()).toEqual([
      'DequantizeLinear',
      'DequantizeLinear',
      'QuantizeLinear',
    ]);
    for (const { inputs } of pairs) {
      for (const name of inputs.slice(1)) expect(graph.initializers.has(name)).toBe(true);
    }
    for (const { integers } of packed.values()) {
      expect((await readWeight(graph.initializers.get(integers.name)!)).dtype).toBe('int8');
    }
  });

  test.each([false, true])(
    'is the float layer on rounded inputs and weights at every call, corrected: %s',
    async (corrected) => {
      const plain = await quantize(runtime, model, feedsByCall, { target: qdqTarget });
      const [id] = plain.packed.keys();
      const correction = correctionFor(channels, feedsByCall.length);
      const corrections = new Map(corrected ? [[id!, correction]] : []);
      const made = await quantize(runtime, model, feedsByCall, { target: qdqTarget, corrections });
      const { bias: _, ...unbiased } = { ...shape, weight: await roundedWeight(made, weight) };
      const node = { ...shape.node, inputs: ['x', 'w'] };
      const reference = modelOf({ ...unbiased, node });
      for (const [call, { x }] of feedsByCall.entries()) {
        const y = (await run(runtime, made.model, { x, call_index: callIndex(call) })).y!;
        const sum = (await run(runtime, reference, { x: fakeQuantized(x, made, call) })).y!;
        expect(y.dims).toEqual(sum.dims);
        const positions = xDims.length === 4 ? sum.dims[2]! * sum.dims[3]! : 1;
        const expected = sum.data.map((value, i) => {
          const channel = Math.floor(i / positions) % channels;
          const of = call * channels + channel;
          const scaled = corrected ? value * correction.scale[of]! + correction.offset[of]! : value;
          return scaled + (bias?.data[channel] ?? 0);
        });
        // Float32 sums of a few dozen products.
        expect(signalToNoise(expected, y.data)).toBeGreaterThan(110);
      }
    },
  );

  test('is close to the float layer', async () => {
    const { model: integer } = await quantize(runtime, model, feedsByCall, { target: qdqTarget });
    for (const [call, feeds] of feedsByCall.entries()) {
      const y = (await run(runtime, integer, { ...feeds, call_index: callIndex(call) })).y!;
      const expected = (await run(runtime, model, feeds)).y!;
      expect(signalToNoise(expected.data, y.data)).toBeGreaterThan(30);
    }
  });
});

test('qdqTarget rounds an input that two layers read once', async () => {
  const model = buildModel([makeNode('MatMul', ['x', 'v'], ['a']), makeNode('MatMul', ['x', 'w'], ['b'])], {
    inputs: { x: [5, 12] },
    constants: { v: MATRIX, w: normal([12, 3], 9) },
    outputs: ['a', 'b'],
  });
  const feeds = [{ x: normal([5, 12], 5) }];
  const { model: integer } = await quantize(runtime, model, feeds, { target: qdqTarget });
  expect(integer.graph.nodes.filter(({ opType }) => opType === 'QuantizeLinear')).toHaveLength(1);
});
