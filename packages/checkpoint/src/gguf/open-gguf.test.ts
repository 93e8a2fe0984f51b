import { readFileSync } from 'node:fs';
import { bytesSource, CacheQuantError } from '@cachequant/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFixture } from '../__fixtures__/formula-weights.js';
import { openWeightFile, readFloat32 } from '../index.js';

const file = readFileSync(new URL('../../../../fixtures/checkpoints/tiny.gguf', import.meta.url));
const wanted = readFixture<{ shapes: Record<string, number[]>; values: Record<string, number[]> }>(
  'tiny-gguf.json.gz',
);
const open = (bytes: Uint8Array) => openWeightFile(bytesSource('tiny.gguf', bytes));

describe('openWeightFile of a GGUF file', () => {
  test('gives the names, shapes and elements that the gguf package gives', async () => {
    const weights = await open(file);
    expect(Object.fromEntries([...weights.names()].map((name) => [name, weights.shapeOf(name)]))).toEqual(
      wanted.shapes,
    );
    for (const [name, values] of Object.entries(wanted.values)) {
      const ours = await readFloat32(weights, name);
      expect([...ours]).toEqual(values);
      for (const [start, count] of [
        [0, 1],
        [1, values.length - 1],
        [Math.floor(values.length / 2), 3],
      ] as const) {
        expect(await readFloat32(weights, name, { start, count })).toEqual(ours.slice(start, start + count));
      }
    }
  });

  test('leaves numbers where they lie; blocks have no place of their own', async () => {
    const weights = await open(file);
    const { offset, length } = weights.location('d.bias')!;
    expect(file.subarray(offset, offset + length)).toEqual(
      Buffer.from(Float32Array.from(wanted.values['d.bias']!).buffer),
    );
    expect(weights.location('a.weight')).toBeUndefined();
    expect(weights.dtypeOf('a.weight')).toBe('float32');
  });

  test('refuses other kinds of quantization by name', async () => {
    const other = Buffer.from(file);
    const name = other.indexOf('a.weight');
    // After the name: the number of dimensions, two of them, the type.
    other.writeUInt32LE(12, name + 'a.weight'.length + 4 + 16);
    await expect(open(other)).rejects.toMatchObject({ code: 'unsupported', got: 'Q4_K' });
  });

  test('refuses files cut off or changed anywhere with an error of ours, or reads within the file', async () => {
    const { offset, length: bytes } = (await open(file)).location('d.bias')!;
    for (const length of [4, 5, 20, 100, 300, offset + bytes - 1]) {
      await expect(open(file.subarray(0, length))).rejects.toMatchObject({ code: 'checkpoint-format' });
    }
    const edit = fc.record({ at: fc.integer({ min: 4, max: 600 }), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        const changed = Buffer.from(file);
        for (const { at, byte } of edits) changed[at] = byte;
        try {
          const weights = await open(changed);
          for (const name of weights.names()) await weights.read(name);
        } catch (error) {
          expect(CacheQuantError.is(error), String(error)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
