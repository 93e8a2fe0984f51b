import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatSeconds } from './format.js';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [17_184_802, '17.2 MB'],
  [3_400_000_000, '3.40 GB'],
])('formatBytes(%d) has three digits and a decimal unit', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [12, '12'],
  [4_192_900, '4.19 M'],
])('formatCount(%d)', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test.each([
  [0.234, '0.23 s'],
  [9.96, '10.0 s'],
  [5, '5 s'],
  [59.6, '1 min 0 s'],
  [254, '4 min 14 s'],
  [7300, '2 h 1 min'],
])('formatSeconds(%d)', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});
