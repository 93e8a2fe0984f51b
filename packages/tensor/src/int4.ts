import { CacheQuantError } from './errors.js';

/**
 * Packs integers in [−8, 7] two to a byte, the first in the low half, as ONNX stores int4.
 * @returns ceil(length / 2) bytes; the last high half is 0 when the length is odd
 * @throws CacheQuantError `invalid-argument` at the first value that does not fit
 */
export function packInt4(values: ArrayLike<number>): Uint8Array {
  return pack(values, 'packInt4', -8, 7);
}

/**
 * Packs integers in [0, 15] two to a byte, the first in the low half, as ONNX stores uint4.
 * @returns ceil(length / 2) bytes; the last high half is 0 when the length is odd
 * @throws CacheQuantError `invalid-argument` at the first value that does not fit
 */
export function packUint4(values: ArrayLike<number>): Uint8Array {
  return pack(values, 'packUint4', 0, 15);
}

/**
 * The `count` int4 numbers that `bytes` hold.
 * @throws CacheQuantError `shape` when there are fewer
 */
export function unpackInt4(bytes: Uint8Array, count: number): Int8Array {
  checkCount(bytes, count, 'unpackInt4');
  return Int8Array.from({ length: count }, (_, i) => (halfAt(bytes, i) << 28) >> 28);
}

/**
 * The `count` uint4 numbers that `bytes` hold.
 * @throws CacheQuantError `shape` when there are fewer
 */
export function unpackUint4(bytes: Uint8Array, count: number): Uint8Array {
  checkCount(bytes, count, 'unpackUint4');
  return Uint8Array.from({ length: count }, (_, i) => halfAt(bytes, i));
}

function pack(values: ArrayLike<number>, where: string, min: number, max: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 2));
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new CacheQuantError('invalid-argument', `element ${i} does not fit into four bits`, {
        where,
        expected: `an integer from ${min} to ${max}`,
        got: String(value),
      });
    }
    bytes[i >> 1]! |= (value & 0xf) << (i & 1 ? 4 : 0);
  }
  return bytes;
}

function halfAt(bytes: Uint8Array, index: number): number {
  return (bytes[index >> 1]! >> (index & 1 ? 4 : 0)) & 0xf;
}

function checkCount(bytes: Uint8Array, count: number, where: string): void {
  if (Number.isInteger(count) && count >= 0 && count <= bytes.length * 2) return;
  throw new CacheQuantError('shape', 'the bytes do not hold that many elements', {
    where,
    expected: `a count from 0 to ${bytes.length * 2} for ${bytes.length} bytes`,
    got: String(count),
  });
}
