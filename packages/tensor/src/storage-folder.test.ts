import { describe, expect, it, test } from 'vitest';
import { memoryStorage } from './memory-storage.js';
import { readText, writeFile } from './storage.js';
import { storageFolder } from './storage-folder.js';
import { describeStorage } from './testing/describe-storage.js';

describeStorage('storageFolder', async () => storageFolder(memoryStorage(), 'a/b'), {
  describe,
  test,
  expect,
});

describe('storageFolder(storage, folder)', () => {
  it('keeps to its folder', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'x', 'outside');
    const folder = storageFolder(storage, 'f');
    await writeFile(folder, 'x', 'inside');
    await writeFile(folder, 'deep/y', 'too');
    expect(await folder.list()).toEqual(['deep/y', 'x']);
    expect(await folder.list('deep')).toEqual(['deep/y']);
    await folder.remove('x');
    expect(await readText(storage, 'x')).toBe('outside');
    expect(await storage.list()).toEqual(['f/deep/y', 'x']);
  });
});
