import { createWeightFile, parseModel, writeModel } from '@cachequant/onnx';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { modelSource } from './load-graph.js';

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
  expect(Buffer.compare(source.externalData!.get('weights')!, await storage.read('vae/weights'))).toBe(0);
});
