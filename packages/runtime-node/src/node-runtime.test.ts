import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CacheQuantError, type Tensor, tensor, toBytes } from '@cachequant/tensor';
import { describeRuntime, writeModel } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNodeRuntime } from './index.js';

const folder = await mkdtemp(join(tmpdir(), 'cachequant-test-'));
afterAll(() => rm(folder, { recursive: true }));

describeRuntime(
  'node-cpu',
  () => createNodeRuntime(),
  { describe, test, beforeAll, afterAll, expect },
  { place },
);

async function place(files: ReadonlyMap<string, Uint8Array>) {
  const inside = await mkdtemp(join(folder, 'model-'));
  for (const [name, bytes] of files) await writeFile(join(inside, name), bytes);
  return { path: join(inside, 'model.onnx') };
}

const DOUBLE = writeModel({
  inputs: { x: { dtype: 'float32', dims: [2] } },
  outputs: { y: { dtype: 'float32', dims: [2] } },
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});

test('createNodeRuntime tells its name, version and threads', async () => {
  const runtime = await createNodeRuntime({ threads: 1 });
  expect(runtime).toMatchObject({ name: 'node-cpu', version: '1.30.0', threads: 1 });
  await runtime.dispose();
});

test.each([0, -1, 1.5, Number.NaN])('createNodeRuntime refuses %s threads', async (threads) => {
  await expect(createNodeRuntime({ threads })).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('load opens a file: URL, reports its size and refuses other URLs', async () => {
  const runtime = await createNodeRuntime();
  const { path } = await place(new Map([['model.onnx', DOUBLE]]));
  const seen: number[] = [];
  const options = { onProgress: ({ loadedBytes }: { loadedBytes: number }) => seen.push(loadedBytes) };
  const session = await runtime.load({ url: pathToFileURL(path).href }, options);
  expect(seen).toEqual([DOUBLE.byteLength]);
  expect((await session.run({ x: tensor('float32', [2], Float32Array.of(1, 2)) })).y?.dims).toEqual([2]);
  await expect(runtime.load({ url: 'https://example.org/x.onnx' })).rejects.toMatchObject({
    code: 'unsupported',
  });
  await runtime.dispose();
});

test('load of bytes leaves external data in a folder of the machine', async () => {
  const runtime = await createNodeRuntime();
  const bytes = writeModel({
    inputs: { x: { dtype: 'float32', dims: [2] } },
    outputs: { y: { dtype: 'float32', dims: [2] } },
    external: { weight: { dtype: 'float32', dims: [2], location: 'weight.bin' } },
    nodes: [{ op: 'Add', inputs: ['x', 'weight'], outputs: ['y'] }],
  });
  const { path } = await place(new Map([['weight.bin', toBytes(Float32Array.of(5, 7))]]));
  const session = await runtime.load({ bytes, externalFolder: dirname(path) });
  const { y } = await session.run({ x: tensor('float32', [2], Float32Array.of(1, 2)) });
  expect(y).toMatchObject({ data: Float32Array.of(6, 9) });
  const missing = runtime.load({ bytes, externalFolder: join(folder, 'nowhere') });
  await expect(missing).rejects.toMatchObject({ code: 'runtime' });
  await runtime.dispose();
});

test('load of an operator that does not exist says what ONNX Runtime said', async () => {
  const runtime = await createNodeRuntime();
  const bytes = writeModel({
    inputs: {},
    outputs: {},
    nodes: [{ op: 'Nonsense', inputs: [], outputs: ['y'] }],
  });
  const error = await runtime.load({ bytes }).catch((reason: unknown) => reason);
  expect(CacheQuantError.is(error) && error.code).toBe('runtime');
  expect(String(error)).toContain('Nonsense');
  await runtime.dispose();
});

test('run with `transfer` moves the array and leaves it empty', async () => {
  const runtime = await createNodeRuntime();
  const session = await runtime.load({ bytes: DOUBLE });
  const x = tensor('float32', [2], Float32Array.of(1, 2));
  const { y } = await session.run({ x }, { transfer: ['x'] });
  expect(y).toEqual(tensor('float32', [2], Float32Array.of(2, 4)));
  expect(x.data.length).toBe(0);
  await expect(session.run({ x })).rejects.toThrow(/transfer/);
  await runtime.dispose();
});

test('dispose of the runtime rejects runs that have no answer yet', async () => {
  const runtime = await createNodeRuntime();
  const session = await runtime.load({ bytes: DOUBLE });
  const runs = Array.from({ length: 5 }, () => session.run({ x: tensor('float32', [2]) }));
  const outcomes = Promise.allSettled(runs);
  await runtime.dispose();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'runtime' } });
  }
});

test('endProfiling tells element types and removes its files', async () => {
  const runtime = await createNodeRuntime();
  const session = await runtime.load({ bytes: DOUBLE }, { profiling: true });
  await session.run({ x: tensor('float32', [2]) });
  await session.run({ x: tensor('float32', [2]) });
  const nodes = await session.endProfiling();
  expect(nodes).toMatchObject([
    { opType: 'Add', provider: 'CPUExecutionProvider', runs: 2, inputTypes: ['float32', 'float32'] },
  ]);
  await session.dispose();
  await runtime.dispose();
});

describe('load through links', () => {
  /** y = x · (2, 3) + 5, both weights in files beside the model. */
  const model = writeModel({
    inputs: { x: { dtype: 'float32', dims: [1, 2] } },
    outputs: { y: { dtype: 'float32', dims: [1, 1] } },
    external: {
      factor: { dtype: 'float32', dims: [2, 1], location: 'model.onnx_data' },
      offset: { dtype: 'float32', dims: [1], location: 'more.bin' },
    },
    nodes: [
      { op: 'MatMul', inputs: ['x', 'factor'], outputs: ['product'] },
      { op: 'Add', inputs: ['product', 'offset'], outputs: ['y'] },
    ],
  });
  const content = new Map<string, Uint8Array>([
    ['model.onnx', model],
    ['model.onnx_data', new Uint8Array(Float32Array.of(2, 3).buffer)],
    ['more.bin', new Uint8Array(Float32Array.of(5).buffer)],
  ]);

  test.each<[string, Readonly<Record<string, string>>]>([
    [
      'of a Hugging Face cache: all files are links into blobs/',
      { 'model.onnx': 'blobs/0', 'model.onnx_data': 'blobs/1', 'more.bin': 'blobs/2' },
    ],
    [
      'to weights in another folder, under their own names',
      { 'model.onnx_data': 'disk/model.onnx_data', 'more.bin': 'disk/more.bin' },
    ],
    ['to one of the files of weights', { 'more.bin': 'disk/other-name.bin' }],
    [
      'to files in different folders',
      { 'model.onnx': 'a/m.onnx', 'model.onnx_data': 'b/1', 'more.bin': 'c/2' },
    ],
    ['to the model alone', { 'model.onnx': 'a/m.onnx' }],
  ])('%s', async (_, links) => {
    const root = await mkdtemp(join(folder, 'links-'));
    const inside = join(root, 'snapshots/0123/unet');
    await mkdir(inside, { recursive: true });
    for (const [name, bytes] of content) {
      const target = links[name];
      const place = target === undefined ? join(inside, name) : join(root, target);
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, bytes);
      if (target !== undefined) await symlink(place, join(inside, name));
    }
    const runtime = await createNodeRuntime();
    const session = await runtime.load({ path: join(inside, 'model.onnx') });
    const { y } = await session.run({ x: tensor('float32', [1, 2], Float32Array.of(10, 100)) });
    expect((y as Tensor).data).toEqual(Float32Array.of(325));
    const inMemory = await runtime.load({ bytes: model, externalFolder: inside });
    const again = await inMemory.run({ x: tensor('float32', [1, 2], Float32Array.of(10, 100)) });
    expect((again.y as Tensor).data).toEqual(Float32Array.of(325));
    await runtime.dispose();
  });

  test('weights outside of the folder by `..`, and missing ones, are refused as ever', async () => {
    const root = await mkdtemp(join(folder, 'links-'));
    await mkdir(join(root, 'unet'));
    await writeFile(join(root, 'outside.bin'), new Uint8Array(4));
    await symlink(join(root, 'outside.bin'), join(root, 'unet/any-link'));
    const runtime = await createNodeRuntime();
    for (const location of ['../outside.bin', join(root, 'outside.bin'), 'missing.bin']) {
      const path = join(root, 'unet/model.onnx');
      await writeFile(
        path,
        writeModel({
          inputs: { x: { dtype: 'float32', dims: [1] } },
          outputs: { y: { dtype: 'float32', dims: [1] } },
          external: { w: { dtype: 'float32', dims: [1], location } },
          nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
        }),
      );
      await expect(runtime.load({ path })).rejects.toMatchObject({ code: 'runtime' });
    }
    await runtime.dispose();
  });
});
