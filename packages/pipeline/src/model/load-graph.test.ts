import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { modelSource } from './load-graph.js';

it('modelSource gives the path where the storage has one', async () => {
  const source = await modelSource(modelStorage('fashion-sd'), 'unet/model.onnx');
  expect(source).toMatchObject({ path: expect.stringMatching(/fashion-sd.unet.model\.onnx$/) });
});

it('modelSource gives the bytes and the external data beside them otherwise', async () => {
  const storage = memoryStorage();
  const files = ['model.onnx', 'model.onnx_data', 'other.onnx', 'config.json', 'deep/weights.bin'];
  for (const name of files) await writeFile(storage, `unet/${name}`, name);
  await writeFile(storage, 'weights.bin', 'of another folder');
  const text = new TextEncoder();
  expect(await modelSource(storage, 'unet/model.onnx')).toEqual({
    bytes: text.encode('model.onnx'),
    externalData: new Map([['model.onnx_data', text.encode('model.onnx_data')]]),
  });
});
