import { describe, expect, it } from 'vitest';
import { relativeErrors } from './relative-errors.js';
import { bootstrap95, interval95, meanOf, medianOf } from './statistics.js';

describe('interval95', () => {
  it('is that of the normal approximation for many values', () => {
    const values = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 9 : 11));
    const [low, high] = interval95(values);
    expect(low).toBeCloseTo(10 - 1.96 / 20, 1);
    expect(high).toBeCloseTo(10 + 1.96 / 20, 1);
    expect(low).toBeLessThan(9.95);
    expect(high).toBeGreaterThan(10.05);
  });

  it('is the value itself where all are equal, and the same for the same values', () => {
    expect(interval95([3, 3, 3])).toEqual([3, 3]);
    expect(interval95([7])).toEqual([7, 7]);
    expect(interval95([1, 2, 4])).toEqual(interval95([1, 2, 4]));
  });
});

describe('bootstrap95', () => {
  it('draws the same images for all columns, so that what they share has no part in the interval', () => {
    const base = Array.from({ length: 50 }, (_, i) => (i * 37) % 50);
    const twice = base.map((value) => 2 * value);
    const [low, high] = bootstrap95([base, twice], ([a, b]) => b! / a!);
    expect(low).toBeCloseTo(2, 12);
    expect(high).toBeCloseTo(2, 12);
  });

  it('is that of the mean for a single column', () => {
    expect(bootstrap95([[1, 2, 4]], ([mean]) => mean!)).toEqual(interval95([1, 2, 4]));
  });
});

describe('medianOf and meanOf', () => {
  it('of odd and even numbers of values, in any order', () => {
    expect(medianOf([5, 1, 3])).toBe(3);
    expect(medianOf([10, 1, 3, 2])).toBe(2.5);
    expect(meanOf([1, 2, 6])).toBe(3);
  });
});

describe('relativeErrors', () => {
  it('is the length of the difference over that of the reference, call by call', () => {
    const reference = [Float32Array.of(3, 4), Float32Array.of(0, 2)];
    expect(relativeErrors([Float32Array.of(3, 4), Float32Array.of(0, 1)], reference)).toEqual([0, 0.5]);
    expect(relativeErrors([Float32Array.of(0, 0), Float32Array.of(3, 2)], reference)).toEqual([1, 1.5]);
  });
});
