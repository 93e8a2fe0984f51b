import { setTimeout } from 'node:timers/promises';
import { CacheQuantError, type Tensor, tensor } from '@cachequant/tensor';
import { writeModel } from '@cachequant/tensor/testing';
import { expect } from 'vitest';
import { assumption, f32 } from '../__fixtures__/assumption.js';

const SIDE = 512;

const product = writeModel({
  inputs: { x: { dtype: 'float32', dims: [SIDE, SIDE] } },
  outputs: { y: { dtype: 'float32', dims: [SIDE, SIDE] } },
  initializers: { w: tensor('float32', [SIDE, SIDE]) },
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
});

assumption('Threads stop spinning when a run has ended', async (runtime) => {
  const session = await runtime.load({ bytes: product });
  const x = tensor('float32', [SIDE, SIDE]);
  let idleMs = 0;
  let usedMs = 0;
  for (let run = 0; run < 10; run++) {
    await session.run({ x });
    const [start, before] = [performance.now(), process.cpuUsage()];
    await setTimeout(20);
    const { user, system } = process.cpuUsage(before);
    idleMs += performance.now() - start;
    usedMs += (user + system) / 1000;
  }
  // Measured here: 0.01 of the time; 0.42 with a thread that spins.
  expect(usedMs / idleMs).toBeLessThan(0.15);
  await session.dispose();
});

assumption('A result keeps its values when the session runs again', async (runtime) => {
  const model = writeModel({
    inputs: { x: { dtype: 'float32', dims: [2] } },
    outputs: { y: { dtype: 'float32', dims: [2] } },
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
  const session = await runtime.load({ bytes: model }, { keepOnDevice: ['y'] });
  const { y: first } = await session.run({ x: f32([2], 1, 2) });
  const { y: second } = await session.run({ x: f32([2], 3, 4) });
  const read = (value: unknown) => (value as { read(): Promise<Tensor> }).read();
  expect((await read(second)).data).toEqual(Float32Array.of(6, 8));
  expect((await read(first)).data).toEqual(Float32Array.of(2, 4));
  await session.dispose();
});

const nodes = [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }];
const values = {
  inputs: { x: { dtype: 'float32', dims: [2] } },
  outputs: { y: { dtype: 'float32', dims: [2] } },
} as const;

assumption('Messages tell common faults apart', async (runtime) => {
  const hintOf = async (bytes: Uint8Array) => {
    const error = await runtime.load({ bytes }).catch((reason: unknown) => reason);
    return CacheQuantError.is(error) ? error.hint : undefined;
  };
  expect(await hintOf(writeModel({ ...values, nodes, opset: 99 }))).toMatch(/older opset/);
  expect(await hintOf(writeModel({ ...values, nodes: [{ ...nodes[0]!, op: 'Nonsense' }] }))).toMatch(
    /operator/,
  );
  expect(await hintOf(Uint8Array.of(255, 255, 255))).toMatch(/ONNX model/);
  const external = { w: { dtype: 'float32', dims: [2], location: 'missing.bin' } } as const;
  const lacking = writeModel({
    ...values,
    external,
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
  });
  expect(await hintOf(lacking)).toMatch(/external data/);
});
