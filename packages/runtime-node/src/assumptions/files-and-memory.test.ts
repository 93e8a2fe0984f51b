import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from '@cachequant/tensor';
import { writeModel } from '@cachequant/tensor/testing';
import { afterAll, expect, test } from 'vitest';
import { anonymousBytes, assumption, f32 } from '../__fixtures__/assumption.js';
import { createNodeRuntime } from '../index.js';

const root = await mkdtemp(join(tmpdir(), 'cachequant-assumptions-'));
afterAll(() => rm(root, { recursive: true }));

/** y [1] = x [2] · weight [2, 1], the weight in a file beside the model */
const withWeightAt = (location: string) =>
  writeModel({
    inputs: { x: { dtype: 'float32', dims: [1, 2] } },
    outputs: { y: { dtype: 'float32', dims: [1, 1] } },
    external: { weight: { dtype: 'float32', dims: [2, 1], location } },
    nodes: [{ op: 'MatMul', inputs: ['x', 'weight'], outputs: ['y'] }],
  });

await mkdir(join(root, 'model'));
await writeFile(join(root, 'weights.bin'), Buffer.from(Float32Array.of(3, 4).buffer));
const place = async (name: string, location: string) => {
  const path = join(root, 'model', name);
  await writeFile(path, withWeightAt(location));
  return { path };
};

assumption('External data outside of the folder of the model are refused', async (runtime) => {
  const source = await place('refused.onnx', '../weights.bin');
  await expect(runtime.load(source)).rejects.toMatchObject({ code: 'runtime' });
});

test('load reads external data through a link that leads out of the folder, which ONNX Runtime itself refuses', async () => {
  await symlink(join(root, 'weights.bin'), join(root, 'model/symbolic.bin'));
  const runtime = await createNodeRuntime({ threads: 1 });
  const session = await runtime.load(await place('linked.onnx', 'symbolic.bin'));
  expect(session.outputs).toHaveLength(1);
  await session.dispose();
  await runtime.dispose();
});

const SIDE = 6144;

/** A square int8 weight in a file: 36 MiB, which is looked up in, or multiplied by. */
async function largeModel(operator: 'Gather' | 'MatMulIntegerToFloat') {
  const folder = await mkdtemp(join(root, 'large-'));
  await writeFile(join(folder, 'weights.bin'), new Uint8Array(SIDE * SIDE));
  const product = operator !== 'Gather';
  const bytes = writeModel({
    inputs: { x: product ? { dtype: 'uint8', dims: [1, SIDE] } : { dtype: 'int64', dims: [1] } },
    outputs: { y: { dtype: product ? 'float32' : 'int8', dims: [1, SIDE] } },
    external: { w: { dtype: 'int8', dims: [SIDE, SIDE], location: 'weights.bin' } },
    initializers: { one: f32([], 1) },
    nodes: [
      product
        ? { op: operator, domain: 'com.microsoft', inputs: ['x', 'w', 'one', 'one'], outputs: ['y'] }
        : { op: operator, inputs: ['w', 'x'], outputs: ['y'] },
    ],
  });
  await writeFile(join(folder, 'model.onnx'), bytes);
  return { path: join(folder, 'model.onnx') };
}

assumption(
  'Constant weights of integer products are packed when the session loads',
  async (runtime, context) => {
    const source = await largeModel('MatMulIntegerToFloat');
    const before = anonymousBytes();
    if (before === undefined) return context.skip('no /proc to read the memory from');
    const session = await runtime.load(source);
    const loaded = anonymousBytes()!;
    await session.run({ x: tensor('uint8', [1, SIDE]) });
    expect(loaded - before).toBeGreaterThan(0.8 * SIDE * SIDE);
    expect(anonymousBytes()! - loaded).toBeLessThan(0.5 * SIDE * SIDE);
    await session.dispose();
  },
);

assumption('Weights that no kernel packs stay in their file', async (runtime, context) => {
  const source = await largeModel('Gather');
  const before = anonymousBytes();
  if (before === undefined) return context.skip('no /proc to read the memory from');
  const session = await runtime.load(source);
  await session.run({ x: tensor('int64', [1], BigInt64Array.of(5n)) });
  expect(anonymousBytes()! - before).toBeLessThan(0.5 * SIDE * SIDE);
  await session.dispose();
});
