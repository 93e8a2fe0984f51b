import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { MemoryStorage } from '../__fixtures__/memory-storage.js';
import { errorOf, graphFile, node, tensorProto } from '../__fixtures__/messages.js';
import { type ByteSource, readModel, readModelFrom, readWeight, readWeightBytes } from '../index.js';
import { normalizeLocation } from './external-data.js';

const MIB = 2 ** 20;

/** A file of which only some runs exist; the rest is zeros, and reading far into it is a mistake. */
function sparseSource(
  pieces: readonly { bytes?: Uint8Array; hole?: number }[],
): ByteSource & { bytesRead: number } {
  let size = 0;
  const runs = pieces.map(({ bytes, hole }) => {
    const run = { offset: size, bytes: bytes ?? new Uint8Array(0) };
    size += hole ?? run.bytes.byteLength;
    return run;
  });
  return {
    name: 'sparse.onnx',
    size,
    bytesRead: 0,
    async read(offset, length) {
      this.bytesRead += length;
      const result = new Uint8Array(length);
      for (const run of runs) {
        const start = Math.max(offset, run.offset);
        const end = Math.min(offset + length, run.offset + run.bytes.byteLength);
        if (end > start) result.set(run.bytes.subarray(start - run.offset, end - run.offset), start - offset);
      }
      return result;
    },
  };
}

function header(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2];
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) return Uint8Array.from(bytes);
  }
}

/** A model whose initializers have raw_data of `weightBytes` each, with nothing behind it. */
function hugeModel(count: number, weightBytes: number) {
  const graph: { bytes?: Uint8Array; hole?: number }[] = [];
  for (let i = 0; i < count; i++) {
    const fields = [
      Uint8Array.of(0x08, ...header(0, weightBytes / 4).subarray(1), 0x10, 1, 0x42, 4),
      Buffer.from(`w${100 + i}`),
    ];
    const raw = header(9, weightBytes);
    const size =
      fields.reduce((total, { byteLength }) => total + byteLength, 0) + raw.byteLength + weightBytes;
    graph.push({ bytes: Buffer.concat([header(5, size), ...fields, raw]) }, { hole: weightBytes });
  }
  const total = graph.reduce((sum, { bytes, hole }) => sum + (hole ?? bytes!.byteLength), 0);
  return sparseSource([{ bytes: Buffer.concat([Uint8Array.of(0x08, 10), header(7, total)]) }, ...graph]);
}

test('readModelFrom opens 3 GB of embedded weights by reading less than 2 MB', async () => {
  const source = hugeModel(300, 10 * MIB);
  expect(source.size).toBeGreaterThan(3e9);
  const { graph } = await readModelFrom(source);
  expect(source.bytesRead).toBeLessThan(2e6);
  expect(graph.initializers.size).toBe(300);
  const last = graph.initializers.get('w399')!;
  expect(last.data).toMatchObject({ kind: 'range', length: 10 * MIB });
  expect((await readWeightBytes(last)).byteLength).toBe(10 * MIB);
});

test('readModelFrom refuses structure past the limit before it reads it', async () => {
  const source = sparseSource([{ bytes: header(7, 1e9 + 6) }, { bytes: header(10, 1e9) }, { hole: 1e9 }]);
  await expect(readModelFrom(source)).rejects.toThrow(/'graphBytes'/);
  expect(source.bytesRead).toBeLessThan(1e6);
});

test('readModelFrom stops when it is told to', async () => {
  const signal = AbortSignal.abort();
  await expect(readModelFrom(hugeModel(3, MIB), { signal })).rejects.toMatchObject({ code: 'aborted' });
});

test('readModelFrom finds large tensors of Constant nodes, and refuses them where it keeps raw bytes', async () => {
  const t = tensorProto({ dims: [2048n], rawData: new Uint8Array(8192).fill(1) });
  const file = (type: bigint) =>
    graphFile({
      node: [node({ opType: 'Constant', output: ['c'], attribute: [{ name: 'value', type, t } as never] })],
    });
  const model = await readModelFrom(sparseSource([{ bytes: file(4n) }]));
  expect(model.graph.nodes[0]!.attributes.get('value')).toMatchObject({ value: { data: { kind: 'range' } } });
  await expect(readModelFrom(sparseSource([{ bytes: file(99n) }]))).rejects.toThrow(/not in memory/);
});

test('readModelFrom refuses a file cut off at any byte, or reads what is left', async () => {
  const w = tensorProto({ dims: [2048n], rawData: new Uint8Array(8192) });
  const bytes = graphFile({ node: [node({ output: ['y'] })], initializer: [w] });
  for (let length = 0; length < bytes.byteLength; length += length < 60 ? 1 : 97) {
    const error = await readModelFrom(sparseSource([{ bytes: bytes.subarray(0, length) }])).catch((e) => e);
    if (!('graph' in error)) expect(CacheQuantError.is(error), String(error)).toBe(true);
  }
});

describe('external data', () => {
  const entries = (fields: Record<string, string>) =>
    Object.entries(fields).map(([key, value]) => ({ key, value }));
  const file = (fields: Record<string, string>, dims = [2n]) =>
    graphFile({ initializer: [tensorProto({ dims, dataLocation: 1n, externalData: entries(fields) })] });
  const open = (fields: Record<string, string>, dims?: bigint[]) => {
    const weights = Uint8Array.from(Float32Array.of(1, 2, 3, 4), (_, i) => i);
    const storage = new MemoryStorage({
      'm/model.onnx': file(fields, dims),
      'm/data/w.bin': Buffer.concat([weights, new Uint8Array(12)]),
    });
    return readModel(storage, 'm/model.onnx');
  };

  test('readModel finds it beside the model, with or without a length', async () => {
    const model = await open({ location: './data/w.bin', offset: '8', length: '8' });
    const weight = model.graph.initializers.get('w')!;
    expect(weight.data).toMatchObject({ kind: 'range', offset: 8, length: 8 });
    expect((await readWeight(weight)).data).toEqual(new Float32Array(2));
    expect((await open({ location: 'data/w.bin' })).graph.initializers.get('w')!.data).toMatchObject({
      length: 8,
    });
  });

  test('readModel checks that the file is there and long enough, and the length right', async () => {
    await expect(open({ location: 'missing.bin' })).rejects.toMatchObject({ code: 'storage' });
    await expect(open({ location: 'data/w.bin', offset: '12' })).rejects.toThrow(
      /past the end.*at least 20 bytes.*got 16/,
    );
    await expect(open({ location: 'data/w.bin', length: '4' })).rejects.toThrow(/shape and data disagree/);
    await expect(open({ location: '../w.bin' })).rejects.toMatchObject({ code: 'onnx-format' });
  });

  test.each([
    '/etc/passwd',
    '../w',
    'a/../../w',
    'C:\\w',
    'C:/w',
    '\\\\host\\w',
    'a\\..\\w',
    'http://x/w',
    '',
    '.',
    'a\0',
  ])('normalizeLocation refuses %j', (location) => {
    expect(errorOf(() => normalizeLocation(location))).toMatchObject({ code: 'onnx-format' });
  });

  test('normalizeLocation drops parts that say nothing', () => {
    expect(normalizeLocation('./a//b/./c..bin')).toBe('a/b/c..bin');
  });
});
