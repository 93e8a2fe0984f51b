import { readText, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, it } from 'vitest';
import { withControlNet } from './with-control-net.js';

async function storageOf(files: Readonly<Record<string, string>>) {
  const storage = memoryStorage();
  for (const [path, text] of Object.entries(files)) await writeFile(storage, path, text);
  return storage;
}

it('withControlNet(model, control) shows the ControlNet in controlnet/, in place of what lies there', async () => {
  const model = await storageOf({
    'unet/config.json': 'unet',
    'controlnet/old.json': 'old',
    'controlnets.txt': 'text',
  });
  const control = await storageOf({ 'config.json': 'other', 'model.onnx': 'graph', 'deep/weights': 'data' });
  const shown = await withControlNet(model, control);
  expect(await shown.list()).toEqual([
    'controlnet/config.json',
    'controlnet/deep/weights',
    'controlnet/model.onnx',
    'controlnets.txt',
    'unet/config.json',
  ]);
  expect(await shown.list('controlnet')).toHaveLength(3);
  expect(await shown.list('controlnet/deep')).toEqual(['controlnet/deep/weights']);
  expect(await shown.list('unet')).toEqual(['unet/config.json']);
  expect(await readText(shown, 'controlnet/config.json')).toBe('other');
  expect(await readText(shown, 'unet/config.json')).toBe('unet');
  expect(await shown.stat('controlnet/old.json')).toBeUndefined();
  expect((await shown.stat('controlnet/model.onnx'))?.size).toBe(5);
});

it.each([
  ['nothing', {}],
  ['a configuration without weights', { 'config.json': '{}' }],
  ['weights without a configuration', { 'diffusion_pytorch_model.safetensors': '' }],
])('withControlNet(model, control) refuses %s', async (_, files) => {
  const error = withControlNet(await storageOf({}), await storageOf(files));
  await expect(error).rejects.toMatchObject({ code: 'storage', where: 'controlNet' });
});
