import { describe, expect, test } from 'vitest';
import { memoryStorage, writeFile } from './index.js';
import { describeStorage } from './testing/index.js';
import { failure } from './testing/test-api.js';

describeStorage('memoryStorage', async () => memoryStorage(), { describe, test, expect });

test('memoryStorage is full at its capacity; abort and remove make room', async () => {
  const storage = memoryStorage({ capacityBytes: 4 });
  await writeFile(storage, 'a', 'abc');
  await failure(writeFile(storage, 'b', 'xy'), 'storage');
  expect(storage.usedBytes).toBe(3);
  await storage.remove('a');
  await writeFile(storage, 'b', 'xyzw');
  expect(await storage.list()).toEqual(['b']);
});

test('memoryStorage fails after the given bytes until it is healed', async () => {
  const storage = memoryStorage({ failAfterBytes: 5 });
  await writeFile(storage, 'a', 'abc');
  const writer = await storage.create('b');
  await writer.write(Uint8Array.of(1, 2));
  await failure(writer.write(Uint8Array.of(3)), 'storage');
  await failure(writer.commit(), 'storage');
  await writer.abort();
  await failure(writeFile(storage, 'c', 'x'), 'storage');
  storage.setFaults({});
  await writeFile(storage, 'c', 'x');
  expect(await storage.list()).toEqual(['a', 'c']);
  expect(storage.usedBytes).toBe(4);
});

test('memoryStorage counts a replaced file once', async () => {
  const storage = memoryStorage();
  await writeFile(storage, 'a', 'abc');
  await writeFile(storage, 'a', 'z');
  expect(storage.usedBytes).toBe(1);
});
