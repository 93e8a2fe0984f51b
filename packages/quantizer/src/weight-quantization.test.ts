import { describe, expect, test } from 'vitest';
import { roundEven } from './__fixtures__/emulate.js';
import { normal } from './__fixtures__/models.js';
import { quantizeWeight, WEIGHT_LIMITS, type WeightBits } from './weight-quantization.js';

const INPUTS = 576;

function cost(row: Float32Array, scale: number, limit: number): number {
  return row.reduce((sum, value) => {
    const rounded = Math.min(limit, Math.max(-limit, roundEven(value / scale))) * scale;
    return sum + Math.abs(value - rounded) ** 2.4;
  }, 0);
}

/** The least cost of a row among all forty ranges of the reference implementation. */
function bestOfForty(row: Float32Array, limit: number): number {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const costs = Array.from({ length: 40 }, (_, i) =>
    cost(row, Math.fround((largest * (1 - 0.02 * i)) / limit), limit),
  );
  return Math.min(...costs);
}

const ROWS: readonly (readonly [string, Float32Array])[] = [
  ['normal', normal([24, INPUTS], 1, { deviation: 0.04 }).data],
  ['heavy-tailed', normal([24, INPUTS], 2).data.map((value) => 0.01 * value ** 3)],
  ['very heavy-tailed', normal([24, INPUTS], 3).data.map((value) => 0.01 * value ** 7)],
  ['uniform', normal([24, INPUTS], 4).data.map((value) => Math.sin(1000 * value))],
  ['sparse', normal([24, INPUTS], 5).data.map((value) => (Math.abs(value) < 1.5 ? 0 : value))],
];

describe.each(ROWS)('quantizeWeight, %s rows', (_, values) => {
  describe.each([7, 8] as const)('%i bits', (bits: WeightBits) => {
    const limit = WEIGHT_LIMITS[bits];
    const { integers, scales } = quantizeWeight(values, 24, bits);
    const rows = Array.from({ length: 24 }, (_, o) => values.subarray(o * INPUTS, (o + 1) * INPUTS));

    test('costs, over all rows, at most 0.5 % more than the best of all forty ranges', () => {
      const total = rows.reduce((sum, row, o) => sum + cost(row, scales[o]!, limit), 0);
      const best = rows.reduce((sum, row) => sum + bestOfForty(row, limit), 0);
      expect(total).toBeLessThanOrEqual(1.005 * best);
    });

    test('stays within the limit, and within half a scale where nothing is clipped', () => {
      const wrong = values.filter((value, i) => {
        const scale = scales[Math.floor(i / INPUTS)]!;
        const q = integers[i]!;
        if (Math.abs(value) > limit * scale) return q !== Math.sign(value) * limit;
        return Math.abs(q) > limit || Math.abs(value - q * scale) > 0.500001 * scale;
      });
      expect([...wrong]).toEqual([]);
    });
  });
});

/** vpmaddubsw: sums of two products of bytes, saturated to 16 bits. True when a sum saturates. */
function saturates(activations: Uint8Array, weights: Int8Array): boolean {
  for (let k = 0; k + 1 < weights.length; k += 2) {
    const sum = activations[k]! * weights[k]! + activations[k + 1]! * weights[k + 1]!;
    if (sum > 32767 || sum < -32768) return true;
  }
  return false;
}

describe('16-bit pair sums of the largest activations', () => {
  const largest = new Uint8Array(INPUTS).fill(255);
  // Rows whose every weight is at the end of the range are the worst case.
  const extreme = Float32Array.from({ length: INPUTS }, (_, i) => (i < INPUTS / 2 ? 1 : -1));

  test('never saturate with 7 bits', () => {
    for (const [, values] of ROWS) {
      expect(saturates(largest, quantizeWeight(values, 24, 7).integers)).toBe(false);
    }
    expect(saturates(largest, quantizeWeight(extreme, 1, 7).integers)).toBe(false);
  });

  test('do with 8', () => {
    expect(saturates(largest, quantizeWeight(extreme, 1, 8).integers)).toBe(true);
  });
});

test('quantizeWeight gives a channel of zeros scale 1, and one of the smallest numbers too', () => {
  const values = Float32Array.of(0, 0, 1e-44, -1e-44, 0.5, -0.25);
  const { integers, scales } = quantizeWeight(values, 3, 8);
  expect([...integers.subarray(0, 4)].every((q) => q === 0)).toBe(true);
  expect([...scales.subarray(0, 2)]).toEqual([1, 1]);
  expect(scales[2]).toBeGreaterThan(0);
});

test('quantizeWeight keeps a constant channel to within rounding of its scale', () => {
  const { integers, scales } = quantizeWeight(new Float32Array(9).fill(-0.3), 1, 8);
  for (const q of integers) expect(q * scales[0]!).toBeCloseTo(-0.3, 6);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'quantizeWeight refuses %f',
  (value) => {
    expect(() => quantizeWeight(Float32Array.of(1, value, 2), 1, 8)).toThrowError(
      expect.objectContaining({ code: 'invalid-argument', got: String(value) }),
    );
  },
);

test.each([0, 4, 1.5, -3])('quantizeWeight refuses to divide three values into %f channels', (channels) => {
  expect(() => quantizeWeight(new Float32Array(3), channels, 8)).toThrowError(
    expect.objectContaining({ code: 'shape' }),
  );
});
