import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { compareSizes } from 'cachequant';
import { expect, test } from 'vitest';
import { wholeFolderBytes } from './whole-folder.js';

async function folder(sizes: Readonly<Record<string, number>>) {
  const storage = memoryStorage();
  for (const [path, bytes] of Object.entries(sizes)) await writeFile(storage, path, new Uint8Array(bytes));
  return storage;
}

test('wholeFolderBytes is what lies in the folder: in the bundle its own parts, with other ways those of the original', async () => {
  const source = await folder({
    'unet/model.onnx': 1000,
    'unet/config.json': 7,
    'vae_decoder/model.onnx': 300,
  });
  const bundle = await folder({
    'denoiser/full.onnx': 200,
    'vae_decoder/model.onnx': 80,
    'cachequant.json': 5,
  });
  const sizes = await compareSizes(source, 'unet/model.onnx', bundle);
  expect(wholeFolderBytes({ id: 'original', denoiserBytes: sizes.sourceDenoiser }, sizes)).toBe(1307);
  expect(wholeFolderBytes({ id: 'int8', denoiserBytes: 250 }, sizes)).toBe(550);
  expect(wholeFolderBytes({ id: 'cachequant', denoiserBytes: 200 }, sizes)).toBe(285);
});
