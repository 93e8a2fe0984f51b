import { type Session, type Tensor, tensor } from '@cachequant/tensor';
import { writeModel } from '@cachequant/tensor/testing';
import { PROBE_MODEL, probeInt8FullRange } from '@cachequant/tensor/worker-runtime';
import { expect, test } from 'vitest';
import { createNodeRuntime } from './index.js';

const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));
const largest = tensor('int8', [1], Int8Array.of(127));

/** How the probe's model was made. ConstantOfShape is folded at load, which keeps the file small. */
function makeProbeModel() {
  return writeModel({
    inputs: { a: { dtype: 'uint8', dims: [16, 64] }, x: { dtype: 'uint8', dims: [1, 16, 8, 8] } },
    outputs: { product: { dtype: 'float32', dims: [16, 64] }, conv: { dtype: 'uint8', dims: [1, 16, 6, 6] } },
    initializers: {
      matrix: tensor('int64', [2], BigInt64Array.of(64n, 64n)),
      kernel: tensor('int64', [4], BigInt64Array.of(16n, 16n, 3n, 3n)),
      one: scalar(1),
      // 255 · 127 · 16 · 3 · 3 / 200, so that the right result of the convolution is 200.
      outScale: scalar((255 * 127 * 144) / 200),
      zero: tensor('uint8', []),
      weightZero: tensor('int8', []),
    },
    nodes: [
      { op: 'ConstantOfShape', inputs: ['matrix'], outputs: ['b'], attributes: { value: largest } },
      { op: 'ConstantOfShape', inputs: ['kernel'], outputs: ['w'], attributes: { value: largest } },
      {
        op: 'MatMulIntegerToFloat',
        domain: 'com.microsoft',
        inputs: ['a', 'b', 'one', 'one'],
        outputs: ['product'],
      },
      {
        op: 'QLinearConv',
        inputs: ['x', 'one', 'zero', 'w', 'one', 'weightZero', 'outScale', 'zero'],
        outputs: ['conv'],
      },
    ],
  });
}

test('PROBE_MODEL is what its recipe makes', () => {
  expect(Buffer.from(makeProbeModel()).toString('base64')).toBe(PROBE_MODEL);
});

test('probeInt8FullRange agrees with a product of one pair', async () => {
  const runtime = await createNodeRuntime();
  const pair = await runtime.load({
    bytes: writeModel({
      inputs: { a: { dtype: 'uint8', dims: [1, 2] } },
      outputs: { y: { dtype: 'int32', dims: [1, 1] } },
      initializers: { b: tensor('int8', [2, 1], Int8Array.of(127, 127)) },
      nodes: [{ op: 'MatMulInteger', inputs: ['a', 'b'], outputs: ['y'] }],
    }),
  });
  const { y } = await pair.run({ a: tensor('uint8', [1, 2], Uint8Array.of(255, 255)) });
  const sum = (y as Tensor<'int32'>).data[0]!;
  expect([64_770, 32_767]).toContain(sum);
  const { int8FullRange } = await runtime.capabilities();
  expect(int8FullRange).toBe(sum === 64_770);
  expect(await runtime.capabilities()).toBe(await runtime.capabilities());
  await runtime.dispose();
});

test.each([
  { product: 2_072_640, conv: 200, fullRange: true },
  { product: 1_048_544, conv: 101, fullRange: false },
  { product: 2_072_640, conv: 101, fullRange: false },
])('probeInt8FullRange of results $product and $conv is $fullRange', async ({ product, conv, fullRange }) => {
  const results = {
    product: tensor('float32', [16, 64], new Float32Array(1024).fill(product)),
    conv: tensor('uint8', [1, 16, 6, 6], new Uint8Array(576).fill(conv)),
  };
  const session = { run: async () => results, dispose: async () => undefined } as Partial<Session>;
  expect(await probeInt8FullRange({ load: async () => session as Session })).toBe(fullRange);
});
