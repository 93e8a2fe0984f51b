import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, test } from 'vitest';
import { PartStore } from './part-store.js';

test('PartStore.entry(key) refuses an entry that is nested too deep before it is parsed', async () => {
  const storage = memoryStorage();
  await writeFile(storage, 'k/entry.json', '['.repeat(1e6));
  await expect(new PartStore(storage).entry('k')).rejects.toThrow(
    'k/entry.json: the JSON is nested too deep',
  );
});

test('PartStore.entry(key) gives back what finish said', async () => {
  const store = new PartStore(memoryStorage());
  const entry = { key: 'k', url: 'https://example.org/model.onnx', bytes: 3, savedAt: 5 };
  await store.finish(entry);
  expect(await store.entry('k')).toEqual(entry);
});
