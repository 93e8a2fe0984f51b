import { memoryStorage, writeFile } from '@cachequant/tensor';
import { expect, test } from 'vitest';
import { hashFile } from '../bundle/fingerprint.js';
import { layeredStorage, type VirtualFile } from './layered-storage.js';

test('layeredStorage(base, files) hashes real files by the storage itself, and made ones by their content', async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const plain = memoryStorage();
  await writeFile(plain, 'made', bytes);
  const base = { ...memoryStorage(), hash: async (path: string) => `hash of ${path}` };
  await writeFile(base, 'real', bytes);
  const layered = layeredStorage(
    base,
    new Map<string, VirtualFile>([
      ['alias', { target: 'real' }],
      ['made', { make: async () => bytes }],
    ]),
  );
  expect(await hashFile(layered, 'real')).toBe('hash of real');
  expect(await hashFile(layered, 'alias')).toBe('hash of real');
  expect(await hashFile(layered, 'made')).toBe(await hashFile({ ...plain, hash: undefined }, 'made'));
});
