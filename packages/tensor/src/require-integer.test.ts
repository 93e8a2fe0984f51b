import { expect, it } from 'vitest';
import { requireInteger } from './require-integer.js';

it.each([
  ['a fraction', 1.5],
  ['not a number', Number.NaN],
  ['less than the least', 0],
  ['more than the most', 4],
  ['infinity', Number.POSITIVE_INFINITY],
])('requireInteger(where, value, 1, 3) refuses %s', (_, value) => {
  expect(() => requireInteger('calls', value, 1, 3)).toThrow(
    `calls: the value is out of range (expected an integer in [1, 3], got ${value})`,
  );
});

it('requireInteger(where, value, minimum) has no upper bound, and takes the bounds themselves', () => {
  requireInteger('calls', Number.MAX_SAFE_INTEGER, 1);
  requireInteger('calls', 1, 1, 3);
  requireInteger('calls', 3, 1, 3);
  expect(() => requireInteger('calls', 0, 1)).toThrow('expected an integer from 1 on');
});
