import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './float16.js';
import { TorchGenerator } from './torch-random.js';

const ALL_PATTERNS = Uint16Array.from({ length: 65_536 }, (_, i) => i);

/** Every finite float16 value, ascending: the brute-force oracle for rounding. */
const FINITE = [...fromFloat16(ALL_PATTERNS)].filter(Number.isFinite).sort((a, b) => a - b);

function nearestFloat16(value: number): number {
  return FINITE.reduce((best, candidate) => {
    const gain = Math.abs(best - value) - Math.abs(candidate - value);
    if (gain !== 0) return gain > 0 ? candidate : best;
    return toFloat16(Float32Array.of(candidate))[0]! % 2 === 0 ? candidate : best;
  });
}

describe('float16', () => {
  it('fromFloat16 reads known patterns', () => {
    const bits = Uint16Array.of(0x0000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00);
    const expected = [0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, -2, 65504, Infinity, -Infinity];
    expect([...fromFloat16(bits)]).toEqual(expected);
    expect(fromFloat16(Uint16Array.of(0x7e00))[0]).toBeNaN();
    expect(Object.is(fromFloat16(Uint16Array.of(0x8000))[0], -0)).toBe(true);
  });

  it('toFloat16 gives back every pattern that fromFloat16 read', () => {
    const numbers = ALL_PATTERNS.filter((bits) => (bits & 0x7fff) <= 0x7c00);
    expect(toFloat16(fromFloat16(numbers))).toEqual(numbers);
    expect(toFloat16(Float32Array.of(Number.NaN))[0]! & 0x7fff).toBeGreaterThan(0x7c00);
  });

  it('toFloat16 rounds to the nearest of all float16 values, ties to even', () => {
    const uniform = new TorchGenerator(0).rand(150);
    const spread = uniform.map((u, i) => (u - 0.5) * 2 ** ((i % 40) - 24));
    const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 3 * 2 ** -25, 5 * 2 ** -25, 2049, 2051];
    for (const value of [...spread, ...Float32Array.from(ties)]) {
      const [rounded] = fromFloat16(toFloat16(Float32Array.of(value)));
      expect(rounded! - nearestFloat16(value)).toBe(0);
    }
  });

  it('toFloat16 overflows at 65520 and not before', () => {
    const below = new Float32Array(new Uint32Array([0x477fefff]).buffer);
    expect(toFloat16(below)[0]).toBe(0x7bff);
    expect([...toFloat16(Float32Array.of(65520, -1e30, Infinity))]).toEqual([0x7c00, 0xfc00, 0x7c00]);
  });

  it('toFloat16 reads a view that starts in the middle of its buffer', () => {
    expect([...toFloat16(Float32Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000]);
  });
});

describe('bfloat16', () => {
  it('toBfloat16 gives back every pattern that fromBfloat16 read', () => {
    const numbers = ALL_PATTERNS.filter((bits) => (bits & 0x7fff) <= 0x7f80);
    expect(toBfloat16(fromBfloat16(numbers))).toEqual(numbers);
  });

  it('toBfloat16 rounds to nearest, ties to even', () => {
    const unit = 2 ** -7;
    const values = Float32Array.of(1 + unit / 2, 1 + 1.5 * unit, 1 + 0.51 * unit, -(1 + 0.49 * unit), 3.4e38);
    expect([...fromBfloat16(toBfloat16(values))]).toEqual([1, 1 + 2 * unit, 1 + unit, -1, Infinity]);
  });

  it('toBfloat16 keeps NaN, also where rounding up would carry into the sign', () => {
    const nans = new Float32Array(new Uint32Array([0x7fffffff, 0x7f800001, 0xffffffff]).buffer);
    for (const value of fromBfloat16(toBfloat16(nans))) expect(value).toBeNaN();
  });
});
