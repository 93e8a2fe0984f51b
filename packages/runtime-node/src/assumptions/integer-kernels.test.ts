import { type Runtime, type Tensor, tensor } from '@cachequant/tensor';
import { type NodeSpec, type ValueSpec, writeModel } from '@cachequant/tensor/testing';
import { expect } from 'vitest';
import { assumption, f32, integers, runOnce } from '../__fixtures__/assumption.js';

const zero = tensor('uint8', [], Uint8Array.of(0));
const weightZero = tensor('int8', [], Int8Array.of(0));
const one = f32([], 1);
const typeOf = ({ dtype, dims }: Tensor): ValueSpec => ({ dtype, dims });

/** Runs nodes on tensors, each of them a constant of the graph or fed at the call. */
function runNodes(
  runtime: Runtime,
  nodes: readonly NodeSpec[],
  outputs: Readonly<Record<string, ValueSpec>>,
  { fed, constants }: Record<'fed' | 'constants', Readonly<Record<string, Tensor>>>,
) {
  const inputs = Object.fromEntries(Object.entries(fed).map(([name, value]) => [name, typeOf(value)]));
  return runOnce(runtime, writeModel({ inputs, outputs, nodes, initializers: constants }), fed);
}

const CONVOLUTION: NodeSpec = {
  op: 'QLinearConv',
  inputs: ['x', 'xScale', 'xZero', 'w', 'wScale', 'wZero', 'yScale', 'yZero', 'bias'],
  outputs: ['y'],
};

assumption('QLinearConv takes scales, zero points and bias as runtime tensors', async (runtime) => {
  const x = tensor('uint8', [1, 16, 6, 6], Uint8Array.from(integers(576, 0, 255)));
  const w = tensor('int8', [8, 16, 3, 3], Int8Array.from(integers(1152, -64, 64, 2)));
  const parameters = {
    xScale: f32([], 0.02),
    xZero: tensor('uint8', [], Uint8Array.of(120)),
    wScale: f32([8], ...integers(8, 1, 9, 3).map((value) => value / 1000)),
    yScale: f32([], 0.11),
    yZero: tensor('uint8', [], Uint8Array.of(133)),
    bias: tensor('int32', [8], Int32Array.from(integers(8, -3000, 3000, 4))),
  };
  const outputs = { y: { dtype: 'uint8', dims: [1, 8, 4, 4] } } as const;
  const asConstants = { fed: { x }, constants: { w, wZero: weightZero, ...parameters } };
  const asInputs = { fed: { x, ...parameters }, constants: { w, wZero: weightZero } };
  const expected = await runNodes(runtime, [CONVOLUTION], outputs, asConstants);
  const actual = await runNodes(runtime, [CONVOLUTION], outputs, asInputs);
  expect(actual.kernels).toContain('QLinearConv');
  expect(actual.kernels).toEqual(expected.kernels);
  expect(actual.outputs.y!.data).toEqual(expected.outputs.y!.data);
  expect(new Set(actual.outputs.y!.data as Uint8Array).size).toBeGreaterThan(20);
});

assumption('QLinearConv rounds ties to even', async (runtime) => {
  const x = tensor('uint8', [1, 1, 1, 4], Uint8Array.of(1, 3, 5, 7));
  const w = tensor('int8', [1, 1, 1, 1], Int8Array.of(1));
  const constants = {
    xScale: one,
    xZero: zero,
    wScale: one,
    wZero: weightZero,
    yScale: f32([], 2),
    yZero: zero,
  };
  const node = { ...CONVOLUTION, inputs: CONVOLUTION.inputs.slice(0, 8) };
  const outputs = { y: { dtype: 'uint8', dims: [1, 1, 1, 4] } } as const;
  const { outputs: results } = await runNodes(runtime, [node], outputs, {
    fed: { x },
    constants: { w, ...constants },
  });
  expect([...(results.y!.data as Uint8Array)]).toEqual([0, 2, 2, 4]);
});

assumption('QuantizeLinear rounds ties to even and clips', async (runtime) => {
  const x = f32([6], -300, 1, 3, 5, 7, 1e6);
  const node = { op: 'QuantizeLinear', inputs: ['x', 'scale', 'zero'], outputs: ['y'] };
  const fed = { x, scale: f32([], 2), zero: tensor('uint8', [], Uint8Array.of(10)) };
  const outputs = { y: { dtype: 'uint8', dims: [6] } } as const;
  const { outputs: results } = await runNodes(runtime, [node], outputs, { fed, constants: {} });
  expect([...(results.y!.data as Uint8Array)]).toEqual([0, 10, 12, 12, 14, 255]);
});

const PRODUCT: NodeSpec = {
  op: 'MatMulIntegerToFloat',
  domain: 'com.microsoft',
  inputs: ['a', 'b', 'aScale', 'bScale', 'aZero', '', 'bias'],
  outputs: ['y'],
};

assumption(
  'MatMulIntegerToFloat takes its scales, zero point and bias as runtime tensors',
  async (runtime) => {
    const [rows, inner, columns] = [4, 96, 24];
    const a = tensor('uint8', [rows, inner], Uint8Array.from(integers(rows * inner, 0, 255)));
    const b = tensor('int8', [inner, columns], Int8Array.from(integers(inner * columns, -64, 64, 2)));
    const bScale = f32([columns], ...integers(columns, 1, 9, 3).map((value) => value / 1000));
    const bias = f32([columns], ...integers(columns, -50, 50, 4));
    const aZero = tensor('uint8', [], Uint8Array.of(119));
    const fed = { a, aScale: f32([], 0.02), bScale, aZero, bias };
    const outputs = { y: { dtype: 'float32', dims: [rows, columns] } } as const;
    const ran = await runNodes(runtime, [PRODUCT], outputs, { fed, constants: { b } });
    expect(ran.kernels).toEqual(['MatMulIntegerToFloat']);
    const y = ran.outputs.y!.data as Float32Array;
    for (const [at, value] of y.entries()) {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += (a.data[row * inner + k]! - 119) * b.data[k * columns + column]!;
      expect(value).toBeCloseTo(sum * 0.02 * bScale.data[column]! + bias.data[column]!, 3);
    }
  },
);

/** 255 · weight summed 64 times, in every element. */
async function largestSum(runtime: Runtime, weight: number): Promise<number> {
  const a = tensor('uint8', [16, 64], new Uint8Array(1024).fill(255));
  const b = tensor('int8', [64, 64], new Int8Array(4096).fill(weight));
  const node = { ...PRODUCT, inputs: ['a', 'b', 'one', 'one'] };
  const outputs = { y: { dtype: 'float32', dims: [16, 64] } } as const;
  const ran = await runNodes(runtime, [node], outputs, { fed: { a }, constants: { b, one } });
  const sums = new Set(ran.outputs.y!.data as Float32Array);
  expect(sums.size).toBe(1);
  return [...sums][0]!;
}

assumption('Sums of two products with 7-bit weights never saturate', async (runtime) => {
  expect(await largestSum(runtime, 64)).toBe(255 * 64 * 64);
  expect(await largestSum(runtime, -64)).toBe(255 * -64 * 64);
});

assumption('Sums of two products with 8-bit weights are exact or saturate at 16 bits', async (runtime) => {
  const { int8FullRange } = await runtime.capabilities();
  expect(await largestSum(runtime, 127)).toBe(int8FullRange ? 255 * 127 * 64 : 32_767 * 32);
});

assumption('QLinearConv runs channels last, with a Transpose at each end of a chain', async (runtime) => {
  const x = tensor('uint8', [1, 16, 8, 8], Uint8Array.from(integers(1024, 0, 255)));
  const w = tensor('int8', [16, 16, 3, 3], Int8Array.from(integers(2304, -64, 64, 2)));
  const parameters = ['s', 'zero', 'w', 's', 'wZero', 's', 'zero'];
  const nodes = [
    { op: 'QLinearConv', inputs: ['x', ...parameters], outputs: ['middle'] },
    { op: 'QLinearConv', inputs: ['middle', ...parameters], outputs: ['y'] },
  ];
  const outputs = { y: { dtype: 'uint8', dims: [1, 16, 4, 4] } } as const;
  const constants = { w, s: f32([], 0.01), zero, wZero: weightZero };
  const { kernels } = await runNodes(runtime, nodes, outputs, { fed: { x }, constants });
  expect(kernels).toEqual(['Transpose', 'QLinearConv', 'QLinearConv', 'Transpose']);
});

assumption("The profile calls a kernel by its node's name and operator", async (runtime) => {
  const x = tensor('uint8', [1, 16, 8, 8]);
  const w = tensor('int8', [16, 16, 1, 1], new Int8Array(256).fill(1));
  const a = tensor('uint8', [8, 16]);
  const b = tensor('int8', [16, 16], new Int8Array(256).fill(1));
  const nodes = [
    { op: 'QLinearConv', inputs: ['x', 'one', 'zero', 'w', 'one', 'wZero', 'one', 'zero'], outputs: ['y'] },
    { ...PRODUCT, inputs: ['a', 'b', 'one', 'one'], outputs: ['p'] },
  ];
  const outputs = {
    y: { dtype: 'uint8', dims: [1, 16, 8, 8] },
    p: { dtype: 'float32', dims: [8, 16] },
  } as const;
  const constants = { w, b, one, zero, wZero: weightZero };
  const { nodes: ran } = await runNodes(runtime, nodes, outputs, { fed: { x, a }, constants });
  const nameOf = (op: string) => ran.find(({ opType }) => opType === op)!.name;
  expect(nameOf('QLinearConv')).toMatch(/^QLinearConv_0/);
  expect(nameOf('MatMulIntegerToFloat')).toMatch(/^MatMulIntegerToFloat_1/);
});

assumption('ConvInteger is never replaced by a faster kernel', async (runtime) => {
  const x = f32([1, 4, 6, 6], ...integers(144, -9, 9));
  const w = tensor('int8', [4, 4, 3, 3], Int8Array.from(integers(144, -64, 64, 2)));
  const nodes = [
    { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zeroPoint'] },
    { op: 'ConvInteger', inputs: ['q', 'w', 'zeroPoint', 'wZero'], outputs: ['y'] },
  ];
  const outputs = { y: { dtype: 'int32', dims: [1, 4, 4, 4] } } as const;
  const ran = await runNodes(runtime, nodes, outputs, { fed: { x }, constants: { w, wZero: weightZero } });
  expect(ran.kernels).toContain('ConvInteger');
});
