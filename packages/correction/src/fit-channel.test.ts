import { describe, expect, it } from 'vitest';
import { solveSymmetric } from './fit-channel.js';

describe('solveSymmetric(p, q, r, g0, g1)', () => {
  it.each([
    [2, 0.5, 1],
    [1, 0.999, 1],
    [1, 0.9999999, 1],
    [1e-8, 0, 1e-6],
    [5, -2, 1],
  ])('solves [[%d, %d], [·, %d]]', (p, q, r) => {
    const [x, y] = solveSymmetric(p, q, r, p * 0.3 - q * 0.7, q * 0.3 - r * 0.7);
    expect(x).toBeCloseTo(0.3, 6);
    expect(y).toBeCloseTo(-0.7, 6);
  });

  it('gives the least-norm solution where the matrix is singular', () => {
    const [x, y] = solveSymmetric(1, 2, 4, 5, 10);
    expect(x).toBeCloseTo(1, 12);
    expect(y).toBeCloseTo(2, 12);
    expect(solveSymmetric(0, 0, 0, 0, 0)).toEqual([0, 0]);
    expect(solveSymmetric(4, 0, 0, 2, 1e-20)).toEqual([0.5, 0]);
  });
});
