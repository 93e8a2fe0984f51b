import { readText, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, it } from 'vitest';
import { mountStorage } from './mount-storage.js';

async function storageOf(files: Readonly<Record<string, string>>) {
  const storage = memoryStorage();
  for (const [path, text] of Object.entries(files)) await writeFile(storage, path, text);
  return storage;
}

it('mountStorage(base, folder, other) shows the other in the folder, in place of what lies there', async () => {
  const base = await storageOf({
    'unet/config.json': 'unet',
    'control/old.json': 'old',
    'controls.txt': 'text',
  });
  const other = await storageOf({ 'config.json': 'other', 'deep/model.onnx': 'graph' });
  const mounted = mountStorage(base, 'control', other);
  expect(await mounted.list()).toEqual([
    'control/config.json',
    'control/deep/model.onnx',
    'controls.txt',
    'unet/config.json',
  ]);
  expect(await mounted.list('control')).toEqual(['control/config.json', 'control/deep/model.onnx']);
  expect(await mounted.list('control/deep')).toEqual(['control/deep/model.onnx']);
  expect(await mounted.list('unet')).toEqual(['unet/config.json']);
  expect(await readText(mounted, 'control/config.json')).toBe('other');
  expect(await readText(mounted, 'unet/config.json')).toBe('unet');
  expect(await mounted.stat('control/old.json')).toBeUndefined();
  expect((await mounted.stat('control/deep/model.onnx'))?.size).toBe(5);
});
