import { describe, expect, test } from 'vitest';
import { blobStorage } from './blob-storage.js';
import { filesStorage } from './chosen-files.js';

const FILES = new Map([
  ['my-bundle/unet/model.onnx', new Blob(['abcdef'])],
  ['my-bundle/cachequant.json', new Blob(['{}'])],
]);

describe('blobStorage', () => {
  test('shows what is in the chosen folder, without the folder’s own name', async () => {
    const storage = blobStorage(FILES);
    expect(await storage.list()).toEqual(['cachequant.json', 'unet/model.onnx']);
    expect(await storage.list('unet')).toEqual(['unet/model.onnx']);
    expect(await storage.stat('unet/model.onnx')).toEqual({ size: 6 });
    expect(await storage.stat('unet')).toBe(undefined);
    expect(new TextDecoder().decode(await storage.read('unet/model.onnx', { offset: 2, length: 3 }))).toBe(
      'cde',
    );
  });

  test('keeps paths that have no folder in common', async () => {
    const storage = blobStorage(new Map([...FILES, ['other.json', new Blob([])]]));
    expect(await storage.list()).toEqual([...FILES.keys(), 'other.json'].sort());
    expect(await blobStorage(new Map()).list()).toEqual([]);
  });

  test('refuses what is not there, ranges outside, and writing', async () => {
    const storage = blobStorage(FILES);
    for (const attempt of [
      storage.read('none'),
      storage.read('cachequant.json', { offset: 0, length: 3 }),
      storage.stat('../x'),
      storage.create('x'),
      storage.remove('cachequant.json'),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: 'storage' });
    }
  });
});

test('filesStorage takes single files by their names', async () => {
  const file = Object.assign(new Blob(['x']), { name: 'model.onnx', webkitRelativePath: '' });
  expect(await filesStorage([file as File]).list()).toEqual(['model.onnx']);
});
