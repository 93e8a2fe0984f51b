import { describe, expect, it } from 'vitest';
import { lagrangeBasis } from './lagrange-basis.js';
import { solveLinearSystem } from './linear-system.js';

const valueAt = (polynomial: readonly number[], x: number) =>
  polynomial.reduce((sum, coefficient, power) => sum + coefficient * x ** power, 0);

describe('lagrangeBasis(nodes)', () => {
  it.each([[[2]], [[3, -1]], [[0.2, 1.5, -4]], [[14.6, 9.1, 5.2, 0.03]]])(
    'of %j is 1 at its node and 0 at the others',
    (nodes) => {
      for (const [i, polynomial] of lagrangeBasis(nodes).entries()) {
        for (const [j, node] of nodes.entries())
          expect(valueAt(polynomial, node)).toBeCloseTo(i === j ? 1 : 0, 9);
      }
    },
  );
});

describe('solveLinearSystem(matrix, right)', () => {
  it('finds planted solutions, also where a pivot is 0', () => {
    const matrix = [
      [0, 2, 1],
      [1, -1, 3],
      [4, 0.5, -2],
    ];
    const planted = [1.5, -2, 0.25];
    const right = matrix.map((row) => row.reduce((sum, value, i) => sum + value * planted[i]!, 0));
    for (const [i, value] of solveLinearSystem(matrix, right).entries())
      expect(value).toBeCloseTo(planted[i]!, 12);
  });
});
