import { type Session, type Tensor, tensor } from '@cachequant/tensor';
import { type NodeSpec, type ValueSpec, writeModel } from '@cachequant/tensor/testing';
import { bench, describe } from 'vitest';
import { createNodeRuntime } from '../index.js';

// What docs/onnxruntime-assumptions.md says about speed: tests look at kernels, this looks at the clock.

const runtime = await createNodeRuntime({ threads: 2 });

/** Everything is fed, but for the constants. */
async function load(
  nodes: readonly NodeSpec[],
  y: ValueSpec,
  fed: Readonly<Record<string, Tensor>>,
  constants: Readonly<Record<string, Tensor>>,
): Promise<() => Promise<void>> {
  const inputs = Object.fromEntries(
    Object.entries(fed).map(([name, { dtype, dims }]) => [name, { dtype, dims }]),
  );
  const bytes = writeModel({ inputs, outputs: { y }, nodes, initializers: constants });
  const session: Session = await runtime.load({ bytes });
  return async () => {
    await session.run(fed);
  };
}

const C = 128;
const image = [1, C, 32, 32];
const kernel = [C, C, 3, 3];
const pads = { pads: [1, 1, 1, 1] };
const u8 = { x: tensor('uint8', image) };
const w = { w: tensor('int8', kernel), wZero: tensor('int8', []) };
const scalars = { s: tensor('float32', [], Float32Array.of(0.01)), zero: tensor('uint8', []) };
const conv: NodeSpec = {
  op: 'QLinearConv',
  inputs: ['x', 's', 'zero', 'w', 's', 'wZero', 's', 'zero'],
  outputs: ['y'],
  attributes: pads,
};
const convolutions = {
  'Conv in float': await load(
    [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: pads }],
    { dtype: 'float32', dims: image },
    { x: tensor('float32', image) },
    { w: tensor('float32', kernel) },
  ),
  'QLinearConv, constant scales': await load([conv], { dtype: 'uint8', dims: image }, u8, {
    ...w,
    ...scalars,
  }),
  'QLinearConv, runtime scales': await load(
    [conv],
    { dtype: 'uint8', dims: image },
    { ...u8, s: scalars.s },
    { ...w, zero: scalars.zero },
  ),
  'QLinearConv, runtime scales and zero points': await load(
    [conv],
    { dtype: 'uint8', dims: image },
    { ...u8, ...scalars },
    w,
  ),
  'QLinearConv, runtime scales, with a bias': await load(
    [{ ...conv, inputs: [...conv.inputs, 'bias'] }],
    { dtype: 'uint8', dims: image },
    { ...u8, s: scalars.s },
    { ...w, zero: scalars.zero, bias: tensor('int32', [C], new Int32Array(C).fill(3)) },
  ),
  ConvInteger: await load(
    [{ op: 'ConvInteger', inputs: ['x', 'w', 'zero', 'wZero'], outputs: ['y'], attributes: pads }],
    { dtype: 'int32', dims: image },
    u8,
    { ...w, zero: scalars.zero },
  ),
};

describe('3×3 convolution of 128 channels, 32×32', () => {
  for (const [name, run] of Object.entries(convolutions)) bench(name, run);
});

const [rows, side] = [1024, 640];
const product: NodeSpec = {
  op: 'MatMulIntegerToFloat',
  domain: 'com.microsoft',
  inputs: ['x', 'w', 's', 's'],
  outputs: ['y'],
};
const y: ValueSpec = { dtype: 'float32', dims: [rows, side] };
const x = { x: tensor('uint8', [rows, side]) };
const weight = { w: tensor('int8', [side, side]) };
const products = {
  'MatMul in float': await load(
    [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    y,
    { x: tensor('float32', [rows, side]) },
    { w: tensor('float32', [side, side]) },
  ),
  'MatMulIntegerToFloat, constant weight': await load([product], y, x, { ...weight, s: scalars.s }),
  'MatMulIntegerToFloat, runtime scales': await load([product], y, { ...x, s: scalars.s }, weight),
  'MatMulIntegerToFloat, weight fed': await load([product], y, { ...x, ...weight }, { s: scalars.s }),
};

describe('product of 1024 rows, 640×640', () => {
  for (const [name, run] of Object.entries(products)) bench(name, run);
});

const tokens = [2, 1024, 320];
const qkv = {
  q: tensor('float32', tokens),
  k: tensor('float32', tokens),
  v: tensor('float32', tokens),
};
const attention = (inputs: readonly string[]): NodeSpec => ({
  op: 'MultiHeadAttention',
  domain: 'com.microsoft',
  inputs,
  outputs: ['y'],
  attributes: { num_heads: 8 },
});
const attended: ValueSpec = { dtype: 'float32', dims: tokens };
const mask = { mask: tensor('int32', [2, 1024], new Int32Array(2048).fill(1)) };
const attentions = {
  'without a mask, in blocks': await load([attention(['q', 'k', 'v'])], attended, qkv, {}),
  'with a mask, all scores at once': await load(
    [attention(['q', 'k', 'v', '', 'mask'])],
    attended,
    qkv,
    mask,
  ),
};

describe('attention of 1024 tokens, 8 heads of 40', () => {
  for (const [name, run] of Object.entries(attentions)) bench(name, run);
});
