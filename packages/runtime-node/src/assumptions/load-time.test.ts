import { tensor } from '@cachequant/tensor';
import { type ModelSpec, writeModel } from '@cachequant/tensor/testing';
import { expect } from 'vitest';
import { assumption, f32, integers, runOnce } from '../__fixtures__/assumption.js';

const K = 32;
const N = 16;
const x = f32([2, K], ...integers(2 * K, -5, 5));
const weight = tensor('int8', [K, N], Int8Array.from(integers(K * N, -64, 64, 2)));
const scales = f32([1, N], ...integers(N, 1, 9, 3).map((value) => value / 1000));

/** y = x · (something made of the constant integer weight) */
const product = (spec: Pick<ModelSpec, 'nodes'> & Partial<ModelSpec>) =>
  writeModel({
    inputs: { x: { dtype: 'float32', dims: [2, K] } },
    outputs: { y: { dtype: 'float32', dims: [2, N] } },
    initializers: { weight, scales },
    ...spec,
  });

assumption('Cast and Mul of constants are folded into a float weight', async (runtime) => {
  const model = product({
    nodes: [
      { op: 'Cast', inputs: ['weight'], outputs: ['cast'], attributes: { to: 1 } },
      { op: 'Mul', inputs: ['cast', 'scales'], outputs: ['w'] },
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
    ],
  });
  const { kernels, outputs } = await runOnce(runtime, model, { x });
  expect(kernels).toEqual(['MatMul']);
  const first = weight.data.reduce<number>(
    (sum, value, at) => (at % N === 0 ? sum + value * x.data[at / N]! : sum),
    0,
  );
  expect((outputs.y!.data as Float32Array)[0]).toBeCloseTo(first * scales.data[0]!, 3);
});

assumption('DequantizeLinear of a constant weight is not folded', async (runtime) => {
  const w = tensor('int8', [4, 4, 3, 3], Int8Array.from(integers(144, -64, 64)));
  const model = writeModel({
    inputs: { x: { dtype: 'float32', dims: [1, 4, 6, 6] } },
    outputs: { y: { dtype: 'float32', dims: [1, 4, 4, 4] } },
    initializers: { w, s: f32([4], 1, 2, 3, 4) },
    nodes: [
      { op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['float'], attributes: { axis: 0 } },
      { op: 'Conv', inputs: ['x', 'float'], outputs: ['y'] },
    ],
  });
  const { kernels } = await runOnce(runtime, model, { x: tensor('float32', [1, 4, 6, 6]) });
  expect(kernels).toContain('DequantizeLinear');
});

assumption('DequantizeLinear before a product becomes MatMulNBits', async (runtime) => {
  const model = product({
    initializers: { weight, scale: f32([N], ...scales.data) },
    nodes: [
      { op: 'DequantizeLinear', inputs: ['weight', 'scale'], outputs: ['w'], attributes: { axis: 1 } },
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
    ],
    opset: 21,
    irVersion: 10,
  });
  expect((await runOnce(runtime, model, { x })).kernels).toEqual(['MatMulNBits']);
});

assumption('Cast of a constant from 4 to 8 bits is folded', async (runtime) => {
  const packed = tensor('int4', [K, N], Uint8Array.from(integers((K * N) / 2, 0, 255)));
  const model = product({
    inputs: { x: { dtype: 'uint8', dims: [2, K] } },
    initializers: { packed, one: f32([], 1) },
    nodes: [
      { op: 'Cast', inputs: ['packed'], outputs: ['w'], attributes: { to: 3 } },
      {
        op: 'MatMulIntegerToFloat',
        domain: 'com.microsoft',
        inputs: ['x', 'w', 'one', 'one'],
        outputs: ['y'],
      },
    ],
    opset: 21,
    irVersion: 10,
  });
  const { kernels, outputs } = await runOnce(runtime, model, {
    x: tensor('uint8', [2, K], new Uint8Array(2 * K).fill(1)),
  });
  expect(kernels).toEqual(['MatMulIntegerToFloat']);
  const nibbles = [...packed.data]
    .flatMap((byte) => [byte & 15, byte >> 4])
    .map((value) => (value > 7 ? value - 16 : value));
  const first = nibbles.reduce((sum, value, at) => (at % N === 0 ? sum + value : sum), 0);
  expect((outputs.y!.data as Float32Array)[0]).toBe(first);
});

assumption('A slice of a constant weight is folded', async (runtime) => {
  const index = (value: number) => tensor('int64', [1], BigInt64Array.of(BigInt(value)));
  const model = product({
    inputs: { x: { dtype: 'uint8', dims: [2, K] } },
    outputs: { y: { dtype: 'float32', dims: [2, 4] } },
    initializers: { weight, one: f32([], 1), start: index(2), end: index(6), axis: index(1) },
    nodes: [
      { op: 'Slice', inputs: ['weight', 'start', 'end', 'axis'], outputs: ['w'] },
      {
        op: 'MatMulIntegerToFloat',
        domain: 'com.microsoft',
        inputs: ['x', 'w', 'one', 'one'],
        outputs: ['y'],
      },
    ],
  });
  const { kernels, outputs } = await runOnce(runtime, model, {
    x: tensor('uint8', [2, K], new Uint8Array(2 * K).fill(1)),
  });
  expect(kernels).toEqual(['MatMulIntegerToFloat']);
  const third = weight.data.reduce<number>((sum, value, at) => (at % N === 2 ? sum + Number(value) : sum), 0);
  expect((outputs.y!.data as Float32Array)[0]).toBe(third);
});

assumption('Looking up a constant row of a constant table is folded', async (runtime) => {
  const model = writeModel({
    inputs: { x: { dtype: 'float32', dims: [2] } },
    outputs: { y: { dtype: 'float32', dims: [2] } },
    initializers: {
      table: f32([1, 4], 1, 2, 3, 4),
      row: tensor('int64', [], BigInt64Array.of(0n)),
      widths: tensor('int64', [2], BigInt64Array.of(2n, 2n)),
    },
    nodes: [
      { op: 'Gather', inputs: ['table', 'row'], outputs: ['values'], attributes: { axis: 0 } },
      { op: 'Split', inputs: ['values', 'widths'], outputs: ['a', 'b'], attributes: { axis: 0 } },
      { op: 'Mul', inputs: ['x', 'a'], outputs: ['scaled'] },
      { op: 'Add', inputs: ['scaled', 'b'], outputs: ['y'] },
    ],
  });
  const { kernels, outputs } = await runOnce(runtime, model, { x: f32([2], 1, 1) });
  expect(kernels).toEqual(['Mul', 'Add']);
  expect(outputs.y!.data).toEqual(Float32Array.of(4, 6));
});

assumption(
  'A float operator between integers becomes an integer one, with runtime scales too',
  async (runtime) => {
    const model = writeModel({
      inputs: {
        x: { dtype: 'uint8', dims: [8] },
        s: { dtype: 'float32', dims: [] },
        t: { dtype: 'float32', dims: [] },
      },
      outputs: { y: { dtype: 'uint8', dims: [8] } },
      initializers: { zero: tensor('uint8', []) },
      nodes: [
        { op: 'DequantizeLinear', inputs: ['x', 's', 'zero'], outputs: ['float'] },
        { op: 'Sigmoid', inputs: ['float'], outputs: ['squashed'] },
        { op: 'QuantizeLinear', inputs: ['squashed', 't', 'zero'], outputs: ['y'] },
      ],
    });
    const feeds = { x: tensor('uint8', [8]), s: f32([], 0.1), t: f32([], 0.01) };
    const { kernels } = await runOnce(runtime, model, feeds);
    expect(kernels).toEqual(['QLinearSigmoid']);
  },
);

assumption('x times its sigmoid runs as one QuickGelu', async (runtime) => {
  const model = writeModel({
    inputs: { x: { dtype: 'float32', dims: [3] } },
    outputs: { y: { dtype: 'float32', dims: [3] } },
    nodes: [
      { op: 'Sigmoid', inputs: ['x'], outputs: ['s'] },
      { op: 'Mul', inputs: ['x', 's'], outputs: ['y'] },
    ],
  });
  const { kernels, outputs } = await runOnce(runtime, model, { x: f32([3], -1, 0, 2) });
  expect(kernels).toEqual(['QuickGelu']);
  expect((outputs.y!.data as Float32Array)[2]).toBeCloseTo(2 / (1 + Math.exp(-2)), 5);
});

assumption('An output may be named without its shape', async (runtime) => {
  const model = writeModel({
    inputs: { x: { dtype: 'float32', dims: [2, K] } },
    outputs: { y: { dtype: 'float32' } },
    initializers: { w: tensor('float32', [K, N]) },
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  });
  const session = await runtime.load({ bytes: model });
  expect(session.outputs).toEqual([{ name: 'y', dtype: 'float32', dims: [2, N] }]);
  await session.dispose();
});
