import { mkdir, mkdtemp, realpath, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createWeightFile, parseModel, writeModel } from '@cachequant/onnx';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { type Storage, tensor, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, it, onTestFinished } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { loadGraph, modelSource } from './load-graph.js';

it('modelSource gives the path where the storage has one', async () => {
  const source = await modelSource(modelStorage('fashion-sd'), 'unet/model.onnx');
  expect(source).toMatchObject({ path: expect.stringMatching(/fashion-sd.unet.model\.onnx$/) });
});

it('modelSource gives the bytes and the external data that they name otherwise', async () => {
  const storage = memoryStorage();
  const model = parseModel(await modelStorage('fashion-sd').read('vae_decoder/model.onnx'));
  const weightFile = await createWeightFile(storage, 'vae/weights', { location: 'weights' });
  await writeModel(storage, 'vae/model.onnx', model, { weightFile });
  await weightFile.commit();
  const others = ['vae/model.onnx_data', 'vae/other.onnx', 'vae/config.json', 'vae/deep/weights', 'weights'];
  for (const name of others) await writeFile(storage, name, name);
  const source = await modelSource(storage, 'vae/model.onnx');
  if (!('bytes' in source)) throw new Error('no bytes');
  expect(Buffer.compare(source.bytes, await storage.read('vae/model.onnx'))).toBe(0);
  expect([...source.externalData!.keys()]).toEqual(['weights']);
  const weights = source.externalData!.get('weights') as Uint8Array;
  expect(Buffer.compare(weights, await storage.read('vae/weights'))).toBe(0);
});

/** Writes the decoder with its weights beside it, then moves files elsewhere and leaves links to them. */
async function linkedDecoder(
  links: Readonly<Record<string, string>>,
): Promise<{ root: string; storage: Storage }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'cachequant-')));
  onTestFinished(() => rm(root, { recursive: true }));
  const snapshot = join(root, 'snapshots/0123');
  const storage = nodeStorage(snapshot);
  const model = parseModel(await modelStorage('fashion-sd').read('vae_decoder/model.onnx'));
  const weightFile = await createWeightFile(storage, 'vae/model.onnx_data', { location: 'model.onnx_data' });
  await writeModel(storage, 'vae/model.onnx', model, { weightFile });
  await weightFile.commit();
  for (const [name, place] of Object.entries(links)) {
    await mkdir(dirname(join(root, place)), { recursive: true });
    await rename(join(snapshot, name), join(root, place));
    await symlink(join(root, place), join(snapshot, name));
  }
  return { root, storage };
}

it.each<[string, Readonly<Record<string, string>>, string]>([
  [
    'a Hugging Face cache, where every file is a link to another name',
    { 'vae/model.onnx': 'blobs/0a1b', 'vae/model.onnx_data': 'blobs/2c3d' },
    'blobs',
  ],
  ['links to weights on another disk', { 'vae/model.onnx_data': 'disk/other-name.bin' }, 'disk'],
])('modelSource leaves the weights of %s on the disk, and the graph runs', async (_, links, folder) => {
  const { root, storage } = await linkedDecoder(links);
  const source = await modelSource(storage, 'vae/model.onnx');
  expect(source).toMatchObject({ externalFolder: join(root, folder) });
  expect(source).not.toHaveProperty('externalData');
  const runtime = await createNodeRuntime({ threads: 1 });
  const feeds = { latent_sample: tensor('float32', [1, 4, 8, 8]) };
  const [linked, plain] = await Promise.all(
    [
      { storage, path: 'vae/model.onnx' },
      { storage: modelStorage('fashion-sd'), path: 'vae_decoder/model.onnx' },
    ].map(async ({ storage: from, path }) => (await loadGraph(runtime, from, path)).run(feeds)),
  );
  expect(linked).toEqual(plain);
  await runtime.dispose();
});

it('modelSource gives the path of a link to a graph with all weights inside', async () => {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'cachequant-')));
  onTestFinished(() => rm(root, { recursive: true }));
  const real = modelStorage('fashion-sd').locate!('vae_decoder/model.onnx')!;
  await symlink(real, join(root, 'model.onnx'));
  expect(await modelSource(nodeStorage(root), 'model.onnx')).toEqual({ path: join(root, 'model.onnx') });
});
