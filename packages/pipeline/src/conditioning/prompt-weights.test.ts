import { describe, expect, it } from 'vitest';
import { parseWeights } from './prompt-weights.js';

describe('parseWeights(prompt)', () => {
  const weights = (prompt: string) =>
    parseWeights(prompt).map(({ text, weight }) => [text, +weight.toFixed(6)]);

  it.each<[string, [string, number][]]>([
    ['a red shoe', [['a red shoe', 1]]],
    [
      'a (red:1.5) shoe',
      [
        ['a ', 1],
        ['red', 1.5],
        [' shoe', 1],
      ],
    ],
    [
      'a (red) [shoe]',
      [
        ['a ', 1],
        ['red', 1.1],
        [' ', 1],
        ['shoe', 0.909091],
      ],
    ],
    [
      '((red)) ((blue:2))',
      [
        ['red', 1.21],
        [' ', 1],
        ['blue', 2.2],
      ],
    ],
    [
      '(a (red:2) shoe:0.5)',
      [
        ['a ', 0.5],
        ['red', 1],
        [' shoe', 0.5],
      ],
    ],
    ['a \\(red\\) shoe', [['a (red) shoe', 1]]],
    [
      'time 10:30, (ratio 1:2)',
      [
        ['time 10:30, ', 1],
        ['ratio 1', 2],
      ],
    ],
    [
      'a (red shoe',
      [
        ['a ', 1],
        ['red shoe', 1.1],
      ],
    ],
    ['a red) shoe]', [['a red) shoe]', 1]]],
    ['(off:0)', [['off', 0]]],
    ['([red)]', [['red', 1]]],
    ['', []],
  ])('of %s', (prompt, expected) => {
    expect(weights(prompt)).toEqual(expected);
  });
});
