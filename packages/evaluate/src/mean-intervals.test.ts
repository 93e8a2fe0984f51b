import { TorchGenerator } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { MeanIntervals } from './mean-intervals.js';

function filled(values: ArrayLike<number>): MeanIntervals {
  const intervals = new MeanIntervals();
  for (let i = 0; i < values.length; i++) intervals.add(i, { value: values[i]! });
  return intervals;
}

describe('MeanIntervals', () => {
  it('gives the interval of the normal approximation for many values', () => {
    const { mean, interval, count } = filled(new TorchGenerator(3).randn(400)).summary().value!;
    expect(count).toBe(400);
    expect(interval[0]).toBeCloseTo(mean - 1.96 / 20, 1);
    expect(interval[1]).toBeCloseTo(mean + 1.96 / 20, 1);
    expect(interval[1] - interval[0]).toBeGreaterThan(0.17);
    expect(interval[1] - interval[0]).toBeLessThan(0.22);
  });

  it('holds the true mean in about 95 of 100 experiments', () => {
    const held = Array.from({ length: 100 }, (_, seed) => {
      const { interval } = filled(new TorchGenerator(seed).randn(60)).summary().value!;
      return interval[0] <= 0 && interval[1] >= 0;
    }).filter(Boolean).length;
    expect(held).toBeGreaterThanOrEqual(87);
    expect(held).toBeLessThan(100);
  });

  it('pairs measures of the same images, so that a constant difference has no spread', () => {
    const values = new TorchGenerator(5).randn(30);
    const [a, b] = [
      filled(values).summary().value!,
      filled(values.map((value) => value + 1)).summary().value!,
    ];
    expect(b.interval[0] - a.interval[0]).toBeCloseTo(1, 5);
    expect(b.interval[1] - a.interval[1]).toBeCloseTo(1, 5);
  });

  it('goes on from a snapshot as if it had not been interrupted', () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6];
    const resumed = MeanIntervals.restore(JSON.parse(JSON.stringify(filled(values.slice(0, 5)).snapshot())));
    for (const [i, value] of values.slice(5).entries()) resumed.add(5 + i, { value });
    expect(resumed.summary()).toEqual(filled(values).summary());
  });
});
