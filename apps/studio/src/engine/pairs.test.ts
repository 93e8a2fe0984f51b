import { expect, test } from 'vitest';
import { ratioOf } from './pairs.js';

const pair = (originalMs: number, bundleMs: number) => ({ originalMs, bundleMs });

test('ratioOf(pairs) is the median of the ratios, with the least and the most', () => {
  expect(ratioOf([pair(8, 2)])).toEqual({ median: 4, least: 4, most: 4, pairs: 1 });
  // A cold original of 96 ms changes the most, not the median; means would say 4.9 and 5.6.
  expect(ratioOf([pair(96, 10), pair(36, 10), pair(35, 10), pair(34, 10)])).toEqual({
    median: 3.55,
    least: 3.4,
    most: 9.6,
    pairs: 4,
  });
});
