import type { HttpStorage } from '@cachequant/runtime-web';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, test } from 'vitest';
import { modelFolderFiles } from './model-folder-files.js';

/** A server's folder; `find` says which of the paths it has. */
async function folder(files: Readonly<Record<string, string>>): Promise<HttpStorage> {
  const storage = memoryStorage();
  for (const [path, text] of Object.entries(files)) await writeFile(storage, path, text);
  const find = async (paths: readonly string[]) =>
    Object.fromEntries(paths.filter((path) => path in files).map((path) => [path, { size: 1 }]));
  return { ...storage, find } as unknown as HttpStorage;
}

test('modelFolderFiles(storage) refuses an index that is nested too deep, or no JSON, and names it', async () => {
  for (const [text, message] of [
    ['['.repeat(1e6), 'model_index.json: the JSON is nested too deep'],
    ['<html>', 'model_index.json: the file is not JSON'],
  ] as const) {
    await expect(modelFolderFiles(await folder({ 'model_index.json': text }))).rejects.toThrow(message);
  }
});

test('modelFolderFiles(storage) finds the files of the parts that the index names', async () => {
  const files = { 'model_index.json': '{"unet":["diffusers","UNet2DModel"]}', 'unet/model.onnx': '' };
  expect(Object.keys(await modelFolderFiles(await folder(files)))).toEqual(Object.keys(files));
});
