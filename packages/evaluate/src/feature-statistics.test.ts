import { TorchGenerator } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { FeatureStatistics } from './feature-statistics.js';

function vectors(count: number, dimension: number, offset = 0): Float32Array[] {
  const generator = new TorchGenerator(7);
  return Array.from({ length: count }, () =>
    generator.randn(dimension).map((value, i) => offset + i * value),
  );
}

function collected(all: readonly Float32Array[]): FeatureStatistics {
  const statistics = new FeatureStatistics(all[0]!.length);
  for (const vector of all) statistics.add(vector);
  return statistics;
}

describe('FeatureStatistics', () => {
  it('gives the mean and covariance of the textbook', () => {
    const all = vectors(40, 5, 1000);
    const { mean, covariance, count } = collected(all).distribution();
    const average = (pick: (vector: Float32Array) => number) =>
      all.reduce((sum, vector) => sum + pick(vector), 0) / all.length;
    expect(count).toBe(40);
    for (let i = 0; i < 5; i++) {
      const meanI = average((vector) => vector[i]!);
      expect(mean[i]).toBeCloseTo(meanI, 9);
      for (let j = 0; j < 5; j++) {
        const meanJ = average((vector) => vector[j]!);
        const expected = average((vector) => (vector[i]! - meanI) * (vector[j]! - meanJ)) * (40 / 39);
        expect(covariance[i * 5 + j]).toBeCloseTo(expected, 8);
      }
    }
  });

  it('goes on from a snapshot as if it had not been interrupted', () => {
    const all = vectors(20, 3);
    const resumed = FeatureStatistics.restore(
      JSON.parse(JSON.stringify(collected(all.slice(0, 9)).snapshot())),
    );
    for (const vector of all.slice(9)) resumed.add(vector);
    expect(resumed.distribution()).toEqual(collected(all).distribution());
  });

  it('refuses vectors of another length, values that are not finite, and a covariance of one vector', () => {
    const statistics = new FeatureStatistics(2);
    expect(() => statistics.add([1])).toThrow('expected 2, got 1');
    expect(() => statistics.add([1, Number.NaN])).toThrow('not a finite number');
    statistics.add([1, 2]);
    expect(() => statistics.distribution()).toThrow('expected 2 at least, got 1');
  });
});
