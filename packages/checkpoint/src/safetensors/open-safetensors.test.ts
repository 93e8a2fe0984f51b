import { type ByteSource, bytesSource, CacheQuantError } from '@cachequant/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeSafetensors, type RawTensor, withHeader } from '../__fixtures__/encode-safetensors.js';
import { openSafetensors } from '../index.js';
import { MAX_HEADER_BYTES } from './header.js';

const open = (bytes: Uint8Array) => openSafetensors(bytesSource('w.safetensors', bytes));

const SIZES: Record<string, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  U8: 1,
};
const product = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

const rawTensor: fc.Arbitrary<RawTensor> = fc
  .record({
    dtype: fc.constantFrom(...Object.keys(SIZES)),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ dtype, shape, seed }) => ({
    dtype,
    shape,
    bytes: Uint8Array.from({ length: SIZES[dtype]! * product(shape) }, (_, i) => seed + i),
  }));
const name = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => text !== '__metadata__');
const tensors = fc.dictionary(name, rawTensor, { maxKeys: 6, noNullPrototype: false });
const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: false });

describe('openSafetensors(source)', () => {
  test('gives back names, shapes, types, places and bytes of any file', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (wanted, text) => {
        const bytes = encodeSafetensors(wanted, text);
        const weights = await open(bytes);
        expect([...weights.names()].sort()).toEqual(Object.keys(wanted).sort());
        expect(weights.metadata).toEqual(text);
        for (const [key, { shape, bytes: data }] of Object.entries(wanted)) {
          expect(weights.shapeOf(key)).toEqual(shape);
          const { offset, length } = weights.location(key);
          expect(bytes.subarray(offset, offset + length)).toEqual(Buffer.from(data));
          expect(Buffer.from(await weights.read(key))).toEqual(Buffer.from(data));
        }
      }),
    );
  });

  test('reads the header, then only the range of a weight that is asked for', async () => {
    const bytes = encodeSafetensors({
      a: { dtype: 'F16', shape: [1000], bytes: new Uint8Array(2000) },
      b: { dtype: 'F16', shape: [4, 2], bytes: Uint8Array.from({ length: 16 }, (_, i) => i) },
    });
    const reads: [number, number][] = [];
    const inner = bytesSource('w', bytes);
    const source: ByteSource = {
      ...inner,
      read: async (offset, length) => {
        reads.push([offset, length]);
        return inner.read(offset, length);
      },
    };
    const weights = await openSafetensors(source);
    const dataStart = bytes.length - 2016;
    expect(reads).toEqual([
      [0, 8],
      [8, dataStart - 8],
    ]);
    expect(await weights.read('b', { start: 3, count: 2 })).toEqual(Uint8Array.of(6, 7, 8, 9));
    expect(reads[2]).toEqual([dataStart + 2006, 4]);
    await expect(weights.read('b', { start: 7, count: 2 })).rejects.toThrow(/within 8 elements/);
    await expect(weights.read('c')).rejects.toThrow(/weight 'c': there is no such weight/);
  });

  test('accepts what the reference implementation accepts: padding, empty tensors, scalars, shared edges', async () => {
    const header =
      '{"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}   ';
    const weights = await open(withHeader(header, new Uint8Array(8)));
    expect([...weights.names()]).toEqual(['e', 's']);
    expect(await weights.read('e')).toEqual(new Uint8Array(0));
  });

  test('keeps names that JavaScript gives a meaning to', async () => {
    const file = withHeader(
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      Uint8Array.of(5),
    );
    expect(await (await open(file)).read('__proto__')).toEqual(Uint8Array.of(5));
  });
});

describe('openSafetensors refuses', () => {
  const one = (entry: string) => withHeader(`{"a":${entry}}`, new Uint8Array(4));
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /a file of 0 bytes/],
    ['less than a length', new Uint8Array(7), /a file of 7 bytes/],
    ['a header past the end', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b), /at most 1 bytes, got 9/],
    ['a length beyond 2^53', new Uint8Array(64).fill(255), /at most 56 bytes/],
    ['a header of no object', withHeader('[]'), /not an object/],
    ['space before the header', withHeader(' {}'), /'\{' first/],
    ['a byte order mark', withHeader('\ufeff{}'), /'\{' first/],
    ['broken UTF-8', withHeader(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8/],
    ['broken JSON', withHeader('{"a":}'), /not JSON/],
    ['JSON too deep for the stack', withHeader(`{"a":${'['.repeat(200_000)}`), /not JSON/],
    [
      'a tensor twice',
      withHeader(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      /a key twice \(got 'a'\)/,
    ],
    [
      'a field twice',
      one('{"dtype":"F32","dtype":"U8","shape":[4],"data_offsets":[0,4]}'),
      /a key twice \(got 'dtype'\)/,
    ],
    [
      'half a surrogate as a name',
      withHeader('{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
      /not Unicode/,
    ],
    ['metadata that is no text', withHeader('{"__metadata__":{"a":1}}'), /other than text/],
    ['a tensor that is no object', one('3'), /tensor 'a': is not an object/],
    ['no dtype', one('{"shape":[1],"data_offsets":[0,4]}'), /no dtype/],
    ['a negative dimension', one('{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}'), /no valid shape/],
    ['half a dimension', one('{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}'), /no valid shape/],
    [
      'too many dimensions',
      one(`{"dtype":"F32","shape":[${Array(65).fill(1)}],"data_offsets":[0,4]}`),
      /no valid shape/,
    ],
    [
      'offsets in the wrong order',
      one('{"dtype":"F32","shape":[1],"data_offsets":[4,0]}'),
      /no valid data_offsets/,
    ],
    ['one offset', one('{"dtype":"F32","shape":[1],"data_offsets":[0]}'), /no valid data_offsets/],
    [
      'bytes that do not fit the shape',
      one('{"dtype":"F32","shape":[2],"data_offsets":[0,4]}'),
      /expected 8 bytes for F32 \[2\], got 4/,
    ],
    [
      'a shape beyond all memory',
      one('{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}'),
      /other bytes than its shape/,
    ],
    ['a hole before the first', one('{"dtype":"U8","shape":[3],"data_offsets":[1,4]}'), /leaves a hole/],
    [
      'an overlap',
      withHeader(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        new Uint8Array(3),
      ),
      /tensor 'b': overlaps/,
    ],
    [
      'data cut off',
      withHeader('{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}', new Uint8Array(4)),
      /is cut off.*expected 5 bytes/,
    ],
    ['bytes after the data', withHeader('{}', new Uint8Array(1)), /belong to no tensor/],
  ])('%s', async (_what, bytes, message) => {
    const error = await open(bytes).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'checkpoint-format' });
    expect((error as Error).message).toMatch(message);
  });

  test('element types that there is no computing with, by name', async () => {
    await expect(open(one('{"dtype":"F4","shape":[8],"data_offsets":[0,4]}'))).rejects.toMatchObject({
      code: 'unsupported',
      got: '"F4"',
    });
    await expect(open(one('{"dtype":"toString","shape":[8],"data_offsets":[0,4]}'))).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  test('a header above 100 MB before it reads it', async () => {
    const source: ByteSource = {
      name: 'huge',
      size: 2 ** 40,
      read: async (_offset, length) => {
        expect(length).toBe(8);
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigUint64(0, BigInt(MAX_HEADER_BYTES + 1), true);
        return bytes;
      },
    };
    await expect(openSafetensors(source)).rejects.toThrow(/at most 100000000 bytes, got 100000001/);
  });

  test('files cut off or changed anywhere: with an error of ours, or none, but never another', async () => {
    const file = encodeSafetensors(
      {
        'a.weight': { dtype: 'F16', shape: [2, 3], bytes: new Uint8Array(12) },
        'b.bias': { dtype: 'F32', shape: [2], bytes: new Uint8Array(8) },
      },
      { format: 'pt' },
    );
    for (let length = 0; length < file.length; length++) {
      await expect(open(file.subarray(0, length))).rejects.toMatchObject({ code: 'checkpoint-format' });
    }
    const edit = fc.record({ at: fc.nat(file.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const changed = Uint8Array.from(file);
        for (const { at, byte } of edits) changed[at] = byte;
        const outcome = await open(changed).catch((reason: unknown) => reason);
        if (outcome instanceof Error) expect(CacheQuantError.is(outcome)).toBe(true);
        else await readAll(outcome as Awaited<ReturnType<typeof open>>, changed);
      }),
      { numRuns: 2000 },
    );
  });
});

/** What was accepted must lie within the file, each byte once. */
async function readAll(weights: Awaited<ReturnType<typeof open>>, file: Uint8Array) {
  const places = [...weights.names()].map((key) => weights.location(key)).sort((a, b) => a.offset - b.offset);
  for (const [i, { offset, length }] of places.entries()) {
    expect(offset + length).toBe(places[i + 1]?.offset ?? file.length);
  }
}
