import { describe, expect, test } from 'vitest';
import { roundEven } from './__fixtures__/emulate.js';
import { normal } from './__fixtures__/models.js';
import { type ActivationGrid, chooseActivationGrid, gridOf } from './activation-range.js';

function rangeOf(values: Float32Array) {
  return { min: values.reduce((a, b) => Math.min(a, b)), max: values.reduce((a, b) => Math.max(a, b)) };
}

function onGrid(value: number, { scale, zeroPoint }: ActivationGrid): number {
  return (Math.min(255, Math.max(0, roundEven(value / scale) + zeroPoint)) - zeroPoint) * scale;
}

function meanError(values: Float32Array, grid: ActivationGrid): number {
  return values.reduce((sum, value) => sum + Math.abs(value - onGrid(value, grid)) ** 2.4, 0) / values.length;
}

const heavy = (seed: number) => normal([1500], seed).data.map((value) => value ** 3);
const silu = (seed: number) => normal([1500], seed).data.map((value) => value / (1 + Math.exp(-value)));
const SAMPLES: readonly (readonly [string, Float32Array])[] = [
  ['normal', normal([1500], 1).data],
  ['shifted', normal([1500], 2, { mean: 3 }).data],
  ['heavy-tailed', heavy(3)],
  ['heavy-tailed', heavy(4)],
  ['SiLU', silu(5)],
  ['positive', normal([1500], 6).data.map(Math.abs)],
  ['negative', normal([1500], 7).data.map((value) => -Math.exp(value))],
  ['tiny', normal([1500], 8, { deviation: 1e-12 }).data],
  ['with an outlier', normal([1500], 9).data.map((value, i) => (i === 7 ? 60 : value))],
];

describe.each(SAMPLES)('chooseActivationGrid, %s sample', (_, sample) => {
  const range = rangeOf(sample);
  const grid = chooseActivationGrid(sample, range);

  test('costs no more than 1 % above the best of all forty factors', () => {
    const costs = Array.from({ length: 40 }, (_, i) =>
      meanError(sample, gridOf(range.min * (1 - i * 0.02), range.max * (1 - i * 0.02))),
    );
    expect(meanError(sample, grid)).toBeLessThanOrEqual(1.01 * Math.min(...costs));
  });

  test('puts zero on the grid', () => {
    expect(Number.isInteger(grid.zeroPoint)).toBe(true);
    expect(grid.zeroPoint).toBeGreaterThanOrEqual(0);
    expect(grid.zeroPoint).toBeLessThanOrEqual(255);
    expect(onGrid(0, grid)).toBe(0);
  });

  test('moves what lies within the grid by half a step at most', () => {
    const low = -grid.zeroPoint * grid.scale;
    const high = (255 - grid.zeroPoint) * grid.scale;
    const within = sample.filter((value) => value >= low && value <= high);
    expect(within.length).toBeGreaterThan(sample.length / 2);
    const worst = within.reduce((most, value) => Math.max(most, Math.abs(value - onGrid(value, grid))), 0);
    expect(worst).toBeLessThanOrEqual(grid.scale * 0.500001);
  });
});

test('chooseActivationGrid of zeros gives a grid that holds zero', () => {
  expect(chooseActivationGrid(new Float32Array(8), { min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
});

test.each([5, -5, 1e-3])('chooseActivationGrid of the constant %f keeps it within half a step', (value) => {
  const constant = Math.fround(value);
  const grid = chooseActivationGrid(new Float32Array(64).fill(value), { min: constant, max: constant });
  expect(Math.abs(constant - onGrid(constant, grid))).toBeLessThanOrEqual(grid.scale / 2);
  expect(grid.scale).toBeLessThanOrEqual(Math.fround(Math.abs(value) / 255));
});

test('chooseActivationGrid without a sample spans the range', () => {
  expect(chooseActivationGrid(new Float32Array(0), { min: -1, max: 1.55 })).toEqual(gridOf(-1, 1.55));
});

test.each([
  ['NaN in the range', [0, 1], { min: Number.NaN, max: 1 }],
  ['infinity in the range', [0, 1], { min: 0, max: Number.POSITIVE_INFINITY }],
  ['an empty range', [0, 1], { min: 2, max: 1 }],
  ['NaN in the sample', [0, Number.NaN], { min: 0, max: 1 }],
])('chooseActivationGrid refuses %s', (_, sample, range) => {
  expect(() => chooseActivationGrid(Float32Array.from(sample), range)).toThrowError(
    expect.objectContaining({ code: 'calibration' }),
  );
});
