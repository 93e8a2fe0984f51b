import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from '@cachequant/tensor';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { buildModel, float32s, int64s } from '../__fixtures__/build-model.js';
import { digest } from '../__fixtures__/digest.js';
import { MemoryStorage } from '../__fixtures__/memory-storage.js';
import { loadModelFile, MODEL_PATHS } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from '../__fixtures__/reference.js';
import {
  type ByteSource,
  bytesSource,
  createWeightFile,
  encodeModel,
  makeNode,
  type OnnxModel,
  parseModel,
  readModel,
  readModelFrom,
  type Weight,
  weightOf,
  writeModel,
} from '../index.js';

const PATH = 'tiny/dit/model.onnx';
const file = loadModelFile(PATH);

const rangeWeight = (source: ByteSource, offset: number, length: number): Weight => ({
  ...weightOf(tensor('uint8', [length]), 'w'),
  data: { kind: 'range', source, offset, length },
});

/** Writes a model with external data and loads it; says where each initializer went. */
async function loadFromFolder(model: OnnxModel, externalAbove: number): Promise<Record<string, string>> {
  const storage = new MemoryStorage();
  const weightFile = await createWeightFile(storage, 'w.bin', { location: 'w.bin' });
  await writeModel(storage, 'm.onnx', model, { weightFile, externalAbove });
  await weightFile.commit();
  const folder = mkdtempSync(join(tmpdir(), 'write-model-'));
  try {
    for (const [name, bytes] of storage.files) writeFileSync(join(folder, name), bytes);
    const session = await InferenceSession.create(join(folder, 'm.onnx'), { logSeverityLevel: 3 });
    await session.release();
  } finally {
    rmSync(folder, { recursive: true });
  }
  const { initializers } = parseModel(storage.files.get('m.onnx')!).graph;
  return Object.fromEntries([...initializers].map(([name, { data }]) => [name, data.kind]));
}

describe('writeModel', () => {
  test('writes weights that lie in another file into the model', async () => {
    const storage = new MemoryStorage({ 'in.onnx': file });
    await writeModel(storage, 'out.onnx', await readModel(storage, 'in.onnx'));
    expect(storage.files.size).toBe(2);
    expect(await digest(parseModel(storage.files.get('out.onnx')!))).toBe(await digest(parseModel(file)));
  });

  test('moves large weights to a file that two models share, and onnxruntime reads it', async () => {
    const storage = new MemoryStorage({ 'in.onnx': file });
    const model = await readModel(storage, 'in.onnx');
    const weightFile = await createWeightFile(storage, 'out/weights.bin', { location: 'weights.bin' });
    await writeModel(storage, 'out/a.onnx', model, { weightFile });
    const { size } = weightFile;
    await writeModel(storage, 'out/b.onnx', model, { weightFile });
    expect(weightFile.size).toBe(size);
    await weightFile.commit();
    expect(storage.files.get('out/weights.bin')!.byteLength).toBe(size);
    expect(storage.files.get('out/a.onnx')!.byteLength).toBeLessThan(file.byteLength / 2);
    expect([...model.graph.initializers.values()].some(({ data }) => data.kind === 'external')).toBe(false);
    expect(await digest(await readModel(storage, 'out/b.onnx'))).toBe(await digest(parseModel(file)));

    const folder = mkdtempSync(join(tmpdir(), 'write-model-'));
    try {
      for (const name of ['a.onnx', 'weights.bin'])
        writeFileSync(join(folder, name), storage.files.get(`out/${name}`)!);
      const feeds = randomFeeds(model, exampleDims(model), 2);
      const expected = await runModel(file, feeds);
      const session = await InferenceSession.create(join(folder, 'a.onnx'), {
        graphOptimizationLevel: 'disabled',
      });
      const results = await session.run(feeds);
      for (const [name, output] of Object.entries(results)) expect(output.data).toEqual(expected[name]!.data);
      await session.release();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('keeps weights of up to externalAbove bytes in the model', async () => {
    const storage = new MemoryStorage();
    const weightFile = await createWeightFile(storage, 'w', { location: 'w' });
    await writeModel(storage, 'm', parseModel(file), { weightFile, externalAbove: 10_000 });
    await weightFile.commit();
    const kinds = new Map<string, number>();
    for (const { data } of parseModel(storage.files.get('m')!).graph.initializers.values()) {
      const length = data.kind === 'bytes' ? data.bytes.byteLength : data.length;
      kinds.set(data.kind, Math.max(kinds.get(data.kind) ?? 0, length));
      if (data.kind === 'external') expect(length).toBeGreaterThan(10_000);
    }
    expect(kinds.get('bytes')).toBeLessThanOrEqual(10_000);
    expect(kinds.get('external')).toBeGreaterThan(10_000);
  });

  test.each([0, 1024])(
    'above %i bytes writes models that onnxruntime loads, shape constants and all',
    async (externalAbove) => {
      for (const path of MODEL_PATHS) await loadFromFolder(parseModel(loadModelFile(path)), externalAbove);
    },
  );

  test('keeps sizes, targets and scales in the graph, however long they are', async () => {
    const pieces = 200;
    const names = Array.from({ length: pieces }, (_, i) => `piece${i}`);
    const model = buildModel(
      [
        makeNode('Split', ['x', 'sizes'], names, { axis: 1 }),
        makeNode('Concat', names, ['joined'], { axis: 1 }),
        makeNode('Gather', ['places', 'one'], ['target'], { axis: 0 }),
        makeNode('Reshape', ['joined', 'target'], ['image']),
        makeNode('Resize', ['image', '', 'scales'], ['y'], { mode: 'nearest' }),
      ],
      {
        inputs: { x: ['float32', [1, pieces]] },
        outputs: ['y'],
        constants: {
          sizes: int64s(...new Array(pieces).fill(1)),
          places: int64s(...new Array(256).fill(1), 1, 1, 10, 20),
          one: int64s(256, 257, 258, 259),
          scales: float32s(1, 1, 2, 2),
        },
      },
    );
    const kinds = await loadFromFolder(model, 0);
    expect(kinds).toEqual({ sizes: 'bytes', places: 'bytes', one: 'bytes', scales: 'bytes' });
    const indices = tensor('int64', [200_000], new BigInt64Array(200_000));
    model.graph.initializers.set('indices', weightOf(indices, 'indices'));
    expect(await loadFromFolder(model, 0)).toMatchObject({ sizes: 'bytes', indices: 'external' });
  });

  test('refuses more than 2 GiB in one file before it writes anything', async () => {
    const model = parseModel(file);
    const source: ByteSource = {
      name: 'big',
      size: 3e9,
      read: () => Promise.reject(new Error('not to be read')),
    };
    model.graph.initializers.set('w', rangeWeight(source, 0, 3e9));
    const storage = new MemoryStorage();
    await expect(writeModel(storage, 'm', model)).rejects.toThrow(/too large.*weight file/);
    expect(storage.files.size).toBe(0);
  });

  test('leaves nothing behind when a weight cannot be read', async () => {
    const model = parseModel(file);
    const source: ByteSource = { name: 'w', size: 100, read: async () => new Uint8Array(3) };
    model.graph.initializers.set('w', rangeWeight(source, 0, 100));
    const storage = new MemoryStorage();
    await expect(writeModel(storage, 'm', model)).rejects.toMatchObject({ code: 'storage' });
    expect(storage.files.size).toBe(0);
  });

  test('stops when it is told to', async () => {
    const storage = new MemoryStorage();
    const signal = AbortSignal.abort();
    await expect(writeModel(storage, 'm', parseModel(file), { signal })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(storage.files.size).toBe(0);
  });
});

test('encodeModel refuses weights that lie in a file', async () => {
  const model = await readModelFrom(bytesSource('in.onnx', file));
  expect(() => encodeModel(model)).toThrow(/not in memory.*writeModel/);
});

describe('WeightFile', () => {
  test('add aligns to 64 bytes, and large weights to 64 KiB, with zeros between', async () => {
    const storage = new MemoryStorage();
    const weights = await createWeightFile(storage, 'w', { location: 'w' });
    const ones = (length: number) => new Uint8Array(length).fill(1);
    const places = [
      await weights.add(ones(3)),
      await weights.add(ones(65)),
      await weights.add(ones(2 ** 20)),
    ];
    expect(places.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 3],
      [64, 65],
      [65536, 2 ** 20],
    ]);
    await weights.commit();
    const written = storage.files.get('w')!;
    expect(written.byteLength).toBe(65536 + 2 ** 20);
    expect(written.reduce((sum, byte) => sum + byte, 0)).toBe(3 + 65 + 2 ** 20);
    expect(written[64 + 64]).toBe(1);
    expect(written[3]).toBe(0);
  });

  test('add writes equal bytes and equal ranges once, and different ones apart', async () => {
    const weights = await createWeightFile(new MemoryStorage(), 'w', { location: 'w' });
    const source = bytesSource('s', new Uint8Array(100));
    const first = await weights.add(Uint8Array.of(1, 2));
    expect(await weights.add(Uint8Array.of(1, 2))).toEqual(first);
    expect((await weights.add(Uint8Array.of(2, 1))).offset).not.toBe(first.offset);
    const range = await weights.add(rangeWeight(source, 10, 20));
    expect(await weights.add(rangeWeight(source, 10, 20))).toEqual(range);
    expect((await weights.add(rangeWeight(source, 10, 21))).offset).not.toBe(range.offset);
  });

  test('add copies a file a megabyte at a time', async () => {
    const storage = new MemoryStorage();
    let largestRead = 0;
    const length = 5 * 2 ** 20 + 7;
    const source: ByteSource = {
      name: 's',
      size: length,
      read: async (offset, count) => {
        largestRead = Math.max(largestRead, count);
        return new Uint8Array(count).map((_, i) => (offset + i) % 251);
      },
    };
    const weights = await createWeightFile(storage, 'w', { location: 'w' });
    await weights.add(rangeWeight(source, 0, length));
    await weights.commit();
    expect([largestRead, storage.largestWrite]).toEqual([2 ** 20, 2 ** 20]);
    const written = storage.files.get('w')!;
    expect(written.byteLength).toBe(length);
    expect(written.findIndex((byte, i) => byte !== i % 251)).toBe(-1);
  });

  test('add keeps additions apart that were not awaited', async () => {
    const storage = new MemoryStorage();
    const weights = await createWeightFile(storage, 'w', { location: 'w', align: 1 });
    const source = bytesSource('s', Uint8Array.of(1, 2, 3));
    const places = await Promise.all([
      weights.add(rangeWeight(source, 0, 3)),
      weights.add(Uint8Array.of(4, 5)),
    ]);
    await weights.commit();
    expect(places.map(({ offset }) => offset)).toEqual([0, 3]);
    expect([...storage.files.get('w')!]).toEqual([1, 2, 3, 4, 5]);
  });

  test('abort leaves no file, and other files are refused', async () => {
    const storage = new MemoryStorage();
    const weights = await createWeightFile(storage, 'w', { location: 'w' });
    const elsewhere = { ...rangeWeight(bytesSource('s', new Uint8Array(1)), 0, 1) };
    elsewhere.data = { kind: 'external', location: 'other', offset: 0, length: 1 };
    await expect(weights.add(elsewhere)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await weights.add(Uint8Array.of(1))).offset).toBe(0);
    await weights.abort();
    expect(storage.files.size).toBe(0);
    await expect(createWeightFile(storage, 'w', { location: '../w' })).rejects.toMatchObject({
      code: 'onnx-format',
    });
  });
});
