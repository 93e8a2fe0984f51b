import { describe, expect, test } from 'vitest';
import { roundEven } from './__fixtures__/emulate.js';
import { ERROR_EXPONENT, roundHalfEven, roundingCost, searchShrinkFactor } from './range-search.js';

const FORTY = Array.from({ length: 40 }, (_, i) => 1 - i * 0.02);

describe('searchShrinkFactor', () => {
  test.each(FORTY)('finds the lowest point %f of a valley among the forty factors', (lowest) => {
    expect(searchShrinkFactor((factor) => Math.abs(factor - lowest))).toBeCloseTo(lowest, 10);
  });

  test('keeps the whole range when nothing is better, and asks no more than sixteen times', () => {
    const asked: number[] = [];
    const factor = searchShrinkFactor((at) => {
      asked.push(at);
      return 1;
    });
    expect(factor).toBe(1);
    expect(asked.length).toBeLessThanOrEqual(16);
    for (const at of asked) expect(FORTY.some((known) => Math.abs(known - at) < 1e-9)).toBe(true);
  });

  test('tells the cost so far, so that a worse factor can give up', () => {
    const bounds: number[] = [];
    searchShrinkFactor((factor, giveUpAbove) => {
      bounds.push(giveUpAbove);
      return factor;
    });
    expect(bounds[0]).toBe(Number.POSITIVE_INFINITY);
    expect(bounds.slice(1, 4)).toEqual([1, 0.92, 0.84]);
  });
});

test.each([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999, 254.5, 255.5, 1e6 + 0.5, -3.2, 0])(
  'roundHalfEven %f rounds halves to the even number',
  (value) => {
    expect(roundHalfEven(value) - roundEven(value)).toBe(0);
  },
);

test('roundHalfEven keeps NaN and infinity', () => {
  expect(roundHalfEven(Number.NaN)).toBeNaN();
  expect(roundHalfEven(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

describe('roundingCost', () => {
  test('is d^2.4 beyond half a step', () => {
    for (const d of [0.500001, 1, 2.25, 100]) expect(roundingCost(d)).toBe(d ** ERROR_EXPONENT);
  });

  test('is within the width of a cell of d^2.4 below', () => {
    // The derivative of d^2.4 is at most 2.4 · 0.5^1.4 on 0…½, and a cell's middle at most 1/8192 away.
    const bound = (2.4 * 0.5 ** 1.4) / 8192 + 1e-6;
    for (let d = 0; d <= 0.5; d += 0.00037) {
      expect(Math.abs(roundingCost(d) - d ** ERROR_EXPONENT)).toBeLessThan(bound);
    }
  });
});
