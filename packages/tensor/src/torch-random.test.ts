import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CacheQuantError } from './errors.js';
import { TorchGenerator } from './torch-random.js';

interface GoldenCase {
  seed: number;
  shape: number[];
  first: number[];
  last: number[];
  sum: number;
  thenFive: number[];
}

const GOLDEN = new URL('../../../fixtures/golden/torch-randn.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { cases: GoldenCase[] };

/** Torch takes logarithm and cosine in single precision: a few units in the last place of numbers up to 6. */
const TOLERANCE = 2e-6;

function largestDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - actual[i]!)), 0);
}

describe('TorchGenerator', () => {
  it.each(cases)(
    'randn with seed $seed and shape $shape gives what torch gives, and goes on as torch does',
    ({ seed, shape, first, last, sum, thenFive }) => {
      const generator = new TorchGenerator(seed);
      const count = shape.reduce((product, dim) => product * dim, 1);
      const values = generator.randn(count);
      expect(values).toHaveLength(count);
      expect(largestDifference(values.subarray(0, first.length), first)).toBeLessThan(TOLERANCE);
      expect(largestDifference(values.subarray(count - last.length), last)).toBeLessThan(TOLERANCE);
      const total = values.reduce((partial, value) => partial + value, 0);
      expect(Math.abs(total - sum)).toBeLessThan(TOLERANCE * Math.sqrt(count));
      expect(largestDifference(generator.randn(5), thenFive)).toBeLessThan(TOLERANCE);
    },
  );

  it('rand gives what torch.rand gives, bit for bit', () => {
    // torch.rand(4, generator=torch.Generator().manual_seed(0)), torch 2.13
    const expected = [0.49625658988952637, 0.7682217955589294, 0.08847743272781372, 0.13203048706054688];
    expect([...new TorchGenerator(0).rand(4)]).toEqual(expected);
  });

  it('takes the low 32 bits of the seed, as torch does', () => {
    const expected = new TorchGenerator(5).randn(4);
    expect(new TorchGenerator(2 ** 32 + 5).randn(4)).toEqual(expected);
    expect(new TorchGenerator(5n - (1n << 32n)).randn(4)).toEqual(expected);
    expect(new TorchGenerator(6).randn(4)).not.toEqual(expected);
  });

  it('keeps the second number of a pair across calls, and across a large draw', () => {
    const whole = new TorchGenerator(3).randn(4);
    const parts = new TorchGenerator(3);
    expect([...parts.randn(1), ...parts.randn(3)]).toEqual([...whole]);

    const interrupted = new TorchGenerator(3);
    interrupted.randn(1);
    interrupted.randn(16);
    expect(interrupted.randn(1)[0]).toBe(whole[1]);
  });

  it('gives nothing for a count of zero and leaves the generator where it was', () => {
    const generator = new TorchGenerator(1);
    expect(generator.randn(0)).toHaveLength(0);
    expect(generator.randn(4)).toEqual(new TorchGenerator(1).randn(4));
  });

  it.each([0.5, Number.NaN, 2 ** 60])('refuses the seed %s', (seed) => {
    expect(() => new TorchGenerator(seed)).toThrow(/seed is not an exact integer/);
  });

  it.each([-1, 1.5, Number.NaN])('refuses to draw %s numbers', (count) => {
    expect(() => new TorchGenerator(0).randn(count)).toThrow(CacheQuantError);
    expect(() => new TorchGenerator(0).rand(count)).toThrow(/TorchGenerator.rand/);
  });
});
