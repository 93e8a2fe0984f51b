import { tensor } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { anchorCalls } from '../observe/trajectory.js';
import { readRecord, TensorRecorder } from './tensor-records.js';

const record = (first: number) => [
  tensor('float32', [1, 3], Float32Array.of(first, first + 1, first + 2)),
  tensor('float32', [2], Float32Array.of(-first, first * 10)),
];

describe('TensorRecorder', () => {
  it('gives back every record as it was, in any order', async () => {
    const storage = memoryStorage();
    const recorder = new TensorRecorder(storage, 'a/records.bin');
    for (const first of [1, 2, 3]) await recorder.add(record(first));
    const records = await recorder.finish();
    expect(records).toEqual({ path: 'a/records.bin', dims: [[1, 3], [2]], count: 3 });
    for (const index of [2, 0, 1])
      expect(await readRecord(storage, records, index)).toEqual(record(index + 1));
  });

  it('leaves no file when it is aborted', async () => {
    const storage = memoryStorage();
    const recorder = new TensorRecorder(storage, 'records.bin');
    await recorder.add(record(1));
    await recorder.abort();
    expect(await storage.list()).toEqual([]);
  });

  it('refuses a record that the file does not have', async () => {
    const storage = memoryStorage();
    const recorder = new TensorRecorder(storage, 'records.bin');
    await recorder.add(record(1));
    const records = await recorder.finish();
    await expect(readRecord(storage, records, 1)).rejects.toMatchObject({ code: 'storage' });
  });
});

describe('anchorCalls', () => {
  it('names the last refresh and the one before, or the first twice', () => {
    expect(anchorCalls([0, 4, 9], 3)).toEqual([0, 0]);
    expect(anchorCalls([0, 4, 9], 5)).toEqual([4, 0]);
    expect(anchorCalls([0, 4, 9], 11)).toEqual([9, 4]);
  });
});
