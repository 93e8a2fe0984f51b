import { describe, expect, test } from 'vitest';
import { normal } from './__fixtures__/models.js';
import { chooseActivationGrid } from './activation-range.js';
import { ActivationStatistics } from './activation-statistics.js';

/** An observation of two sites: minimum, maximum and two samples each. */
const observation = (...values: number[]) => Float32Array.from(values);

describe('ActivationStatistics', () => {
  test('joins the ranges of all images and the samples up to its capacity', () => {
    const statistics = new ActivationStatistics(1, ['a', 'b'], 3);
    statistics.record(0, observation(-1, 2, 0.5, 1.5, 0, 1, 0.1, 0.9));
    statistics.record(0, observation(-3, 1, -2.5, 0.25, 0.5, 4, 3, 3.5));
    const { scales, zeroPoints, sites } = statistics.grids();
    const a = chooseActivationGrid(Float32Array.of(0.5, 1.5, -2.5), { min: -3, max: 2 });
    const b = chooseActivationGrid(Float32Array.of(...[0.1, 0.9, 3].map(Math.fround)), { min: 0, max: 4 });
    expect(sites).toEqual(['a', 'b']);
    expect([...scales]).toEqual([a.scale, b.scale]);
    expect([...zeroPoints]).toEqual([a.zeroPoint, b.zeroPoint]);
  });

  test('gives the same grids whatever the order of images, while all samples fit', () => {
    const images = [1, 2, 3].map((seed) => {
      const { data } = normal([40], seed, { mean: seed });
      return Float32Array.of(Math.min(...data), Math.max(...data), ...data);
    });
    const gridsOf = (order: readonly number[]) => {
      const statistics = new ActivationStatistics(1, ['a'], 120);
      for (const image of order) statistics.record(0, images[image]!);
      return statistics.grids();
    };
    expect(gridsOf([2, 0, 1])).toEqual(gridsOf([0, 1, 2]));
  });

  test('lets a call that was not observed take the nearest one, the earlier of two', () => {
    const statistics = new ActivationStatistics(6, ['a'], 0);
    statistics.record(1, observation(0, 255));
    statistics.record(3, observation(0, 510));
    expect([...statistics.grids().scales]).toEqual([1, 1, 1, 2, 2, 2]);
    expect([0, 1, 2, 3].map((call) => statistics.observed(call))).toEqual([false, true, false, true]);
  });

  test('names the tensor and the call that were not finite', () => {
    const statistics = new ActivationStatistics(2, ['good', 'bad'], 1);
    statistics.record(1, observation(0, 1, 0.5, 0, 1, 0.5));
    statistics.record(1, observation(0, 1, 0.5, Number.NaN, 1, 0.5));
    expect(() => statistics.grids()).toThrowError(
      expect.objectContaining({
        code: 'calibration',
        where: 'bad',
        message: expect.stringContaining('call 1'),
      }),
    );
  });

  test('refuses to choose grids of nothing', () => {
    const statistics = new ActivationStatistics(3, ['a'], 1);
    expect(() => statistics.grids()).toThrowError(expect.objectContaining({ code: 'calibration' }));
  });

  test.each([-1, 2, 0.5, Number.NaN])('refuses call %f of two', (call) => {
    const statistics = new ActivationStatistics(2, ['a'], 1);
    expect(() => statistics.record(call, observation(0, 1, 0.5))).toThrowError(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });

  test.each([3, 1, 0])('refuses an observation of %i numbers for two tensors', (length) => {
    const statistics = new ActivationStatistics(1, ['a', 'b'], 1);
    expect(() => statistics.record(0, new Float32Array(length))).toThrowError(
      expect.objectContaining({ code: 'shape' }),
    );
  });
});
