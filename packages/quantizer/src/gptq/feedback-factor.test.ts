import { finish } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { correlatedRows, momentsOf } from '../__fixtures__/moments.js';
import { feedbackFactor } from './feedback-factor.js';

/** U D Uᵀ in the order of rounding, from the factor and the matrix it should give back. */
function rebuilt(moments: Float32Array, size: number, damping: number): Float64Array {
  const { order, feedback } = finish(feedbackFactor(moments, size, damping));
  const u = (j: number, k: number) => (j === k ? 1 : j < k ? feedback[k * size + j]! : 0);
  const damped = (i: number, j: number) => {
    const mean = order.reduce((sum, k) => sum + moments[k * size + k]!, 0) / size;
    return moments[order[i]! * size + order[j]!]! + (i === j ? damping * mean : 0);
  };
  const d = new Float64Array(size);
  for (let k = size - 1; k >= 0; k--) {
    d[k] = damped(k, k);
    for (let m = k + 1; m < size; m++) d[k]! -= u(k, m) ** 2 * d[m]!;
  }
  const difference = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += u(i, k) * d[k]! * u(j, k);
      difference[i * size + j] = sum - damped(i, j);
    }
  }
  return difference;
}

describe('feedbackFactor', () => {
  test.each([1, 2, 3, 5, 8, 13, 30])('of %i inputs gives U D Uᵀ = H in the order of rounding', (size) => {
    const moments = momentsOf(correlatedRows(4 * size, size, size), size).sums[0]!;
    const largest = Math.max(...rebuilt(moments, size, 0.01).map(Math.abs));
    expect(largest / Math.max(...moments)).toBeLessThan(1e-5);
  });

  test('rounds inputs with the largest second moment first, equal ones as they come', () => {
    const moments = Float32Array.of(2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 2, 0, 0, 0, 0, 5);
    expect([...finish(feedbackFactor(moments, 4, 0)).order]).toEqual([1, 3, 0, 2]);
  });

  test('of independent inputs has no feedback', () => {
    const moments = Float32Array.of(2, 0, 0, 0, 9, 0, 0, 0, 1);
    expect([...finish(feedbackFactor(moments, 3, 0.1)).feedback].every((share) => share === 0)).toBe(true);
  });

  test.each([
    ['zero', () => new Float32Array(25)],
    ['of rank 1', () => momentsOf(Float32Array.of(1, -2, 3, 4, 0), 5).sums[0]!],
    ['of two equal inputs', () => momentsOf(Float32Array.of(1, 1, 2, 3, 4, 5, 5, 1, 0, 2), 5).sums[0]!],
  ])('of moments that are %s is finite without damping', (_, make) => {
    expect(finish(feedbackFactor(make(), 5, 0)).feedback.every(Number.isFinite)).toBe(true);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %f among the moments', (value) => {
    expect(() => finish(feedbackFactor(Float32Array.of(1, 0, 0, value), 2, 0.01))).toThrowError(
      expect.objectContaining({ code: 'calibration', got: String(value) }),
    );
  });
});
