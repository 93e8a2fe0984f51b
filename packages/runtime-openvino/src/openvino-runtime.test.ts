import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CacheQuantError, tensor } from '@cachequant/tensor';
import { describeRuntime, writeModel } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOpenVinoRuntime } from './index.js';

/** Without a library, the tests that need one are shown as skipped. */
const library = process.env.CACHEQUANT_OPENVINO;
const why = library ? '' : ' (skipped: CACHEQUANT_OPENVINO names no OpenVINO)';
const folder = await mkdtemp(join(tmpdir(), 'cachequant-test-'));
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(!library)(`OpenVINO on the processor${why}`, () => {
  describeRuntime(
    'openvino-cpu',
    () => createOpenVinoRuntime({ threads: 2 }),
    { describe, test, beforeAll, afterAll, expect },
    { place, profiling: false, wideIntegers: false },
  );
});

async function place(files: ReadonlyMap<string, Uint8Array>) {
  const inside = await mkdtemp(join(folder, 'model-'));
  for (const [name, bytes] of files) await writeFile(join(inside, name), bytes);
  return { path: join(inside, 'model.onnx') };
}

const vector = { dtype: 'float32', dims: [2] } as const;
const add = { op: 'Add', inputs: ['x', 'x'], outputs: ['y'] } as const;
const DOUBLE = writeModel({ inputs: { x: vector }, outputs: { y: vector }, nodes: [add] });

describe.skipIf(!library)(`createOpenVinoRuntime${why}`, () => {
  test('tells its name, version and threads', async () => {
    const runtime = await createOpenVinoRuntime({ threads: 1 });
    expect(runtime).toMatchObject({ name: 'openvino-cpu', threads: 1 });
    expect(runtime.version).toMatch(/^20\d\d\.\d/);
    await runtime.dispose();
  });

  test('refuses a device that is not there, with what OpenVINO says', async () => {
    const failed = createOpenVinoRuntime({ device: 'NONSENSE' });
    await expect(failed).rejects.toMatchObject({ code: 'runtime', where: 'device NONSENSE' });
  });

  test('refuses a file that is no library', async () => {
    const path = join(folder, 'libopenvino_c.so');
    await writeFile(path, 'text');
    const failed = createOpenVinoRuntime({ library: path });
    await expect(failed).rejects.toMatchObject({ code: 'runtime', hint: /pip install openvino/ });
  });

  test.each([
    ['QLinearConv', ''],
    ['MatMulIntegerToFloat', 'com.microsoft'],
    ['MatMulNBits', 'com.microsoft'],
    ['DynamicQuantizeMatMul', 'com.microsoft'],
  ])('load refuses %s by its name, before it is read', async (op, domain) => {
    const runtime = await createOpenVinoRuntime({ threads: 1 });
    const bytes = writeModel({
      inputs: { x: vector },
      outputs: { y: vector },
      nodes: [{ op, domain, inputs: ['x'], outputs: ['y'] }],
    });
    await expect(runtime.load({ bytes })).rejects.toMatchObject({
      code: 'unsupported',
      got: domain ? `${domain}.${op}` : op,
      hint: /--target qdq/,
    });
    await runtime.dispose();
  });

  test('load with profiling is refused', async () => {
    const runtime = await createOpenVinoRuntime({ threads: 1 });
    const failed = runtime.load({ bytes: DOUBLE }, { profiling: true });
    await expect(failed).rejects.toMatchObject({ code: 'unsupported' });
    await runtime.dispose();
  });

  test('load of bytes leaves external data in a folder of the machine, and nothing behind', async () => {
    const runtime = await createOpenVinoRuntime({ threads: 1 });
    const bytes = writeModel({
      inputs: { x: vector },
      outputs: { y: vector },
      external: { weight: { ...vector, location: 'weight.bin' } },
      nodes: [{ op: 'Add', inputs: ['x', 'weight'], outputs: ['y'] }],
    });
    await writeFile(join(folder, 'weight.bin'), new Uint8Array(Float32Array.of(5, 7).buffer));
    const session = await runtime.load({ bytes, externalFolder: folder });
    const { y } = await session.run({ x: tensor('float32', [2], Float32Array.of(1, 2)) });
    expect(y).toEqual(tensor('float32', [2], Float32Array.of(6, 9)));
    const outside = writeModel({
      inputs: { x: vector },
      outputs: { y: vector },
      external: { weight: { ...vector, location: '../weight.bin' } },
      nodes: [{ op: 'Add', inputs: ['x', 'weight'], outputs: ['y'] }],
    });
    await expect(runtime.load({ bytes: outside, externalFolder: folder })).rejects.toMatchObject({
      code: 'unsupported',
    });
    await runtime.dispose();
  });

  test('dispose rejects runs that have not begun', async () => {
    const runtime = await createOpenVinoRuntime({ threads: 1 });
    const session = await runtime.load({ bytes: DOUBLE });
    const runs = Array.from({ length: 5 }, () => session.run({ x: tensor('float32', [2]) }));
    const outcomes = Promise.allSettled(runs);
    await runtime.dispose();
    expect((await outcomes).at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'runtime' } });
  });
});

test.each([undefined, '/no/such/folder', tmpdir()])(
  'createOpenVinoRuntime without a library (%s) says how to get one',
  async (given) => {
    const kept = process.env.CACHEQUANT_OPENVINO;
    delete process.env.CACHEQUANT_OPENVINO;
    try {
      const failed = await createOpenVinoRuntime(given === undefined ? {} : { library: given }).catch(
        (reason: unknown) => reason,
      );
      expect(CacheQuantError.is(failed) && failed.code).toBe('runtime');
      expect(String(failed)).toMatch(/pip install openvino.*CACHEQUANT_OPENVINO/s);
    } finally {
      if (kept !== undefined) process.env.CACHEQUANT_OPENVINO = kept;
    }
  },
);

test.each([0, -1, 1.5, Number.NaN])('createOpenVinoRuntime refuses %s threads', async (threads) => {
  await expect(createOpenVinoRuntime({ threads })).rejects.toMatchObject({ code: 'invalid-argument' });
});
