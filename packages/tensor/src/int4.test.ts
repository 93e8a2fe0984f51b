import { describe, expect, it } from 'vitest';
import { packInt4, packUint4, unpackInt4, unpackUint4 } from './int4.js';

describe('int4', () => {
  it('packInt4 puts the first element into the low half', () => {
    expect([...packInt4([1, -2, 7])]).toEqual([0xe1, 0x07]);
  });

  it('unpackInt4 gives back every pair that packInt4 packed', () => {
    const range = Array.from({ length: 16 }, (_, i) => i - 8);
    const values = range.flatMap((first) => range.flatMap((second) => [first, second]));
    expect([...unpackInt4(packInt4(values), values.length)]).toEqual(values);
  });

  it('unpackUint4 gives back every pair that packUint4 packed', () => {
    const range = Array.from({ length: 16 }, (_, i) => i);
    const values = range.flatMap((first) => range.flatMap((second) => [first, second]));
    expect([...unpackUint4(packUint4(values), values.length)]).toEqual(values);
  });

  it('unpackInt4 leaves the padding of an odd count out', () => {
    expect([...unpackInt4(packInt4([-8, 3, -1]), 3)]).toEqual([-8, 3, -1]);
    expect([...unpackUint4(new Uint8Array(0), 0)]).toEqual([]);
  });

  it.each([8, -9, 0.5, Number.NaN])('packInt4 refuses %s and says which element it is', (value) => {
    expect(() => packInt4([0, value])).toThrow(/packInt4: element 1 .*from -8 to 7/);
  });

  it.each([16, -1])('packUint4 refuses %s', (value) => {
    expect(() => packUint4([value])).toThrow(/from 0 to 15/);
  });

  it.each([3, -1, 1.5])('unpackInt4 refuses to take %s elements out of one byte', (count) => {
    expect(() => unpackInt4(Uint8Array.of(0), count)).toThrow(/a count from 0 to 2 for 1 bytes/);
  });
});
