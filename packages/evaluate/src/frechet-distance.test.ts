import { TorchGenerator } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { type FeatureDistribution, FeatureStatistics } from './feature-statistics.js';
import { frechetDistance } from './frechet-distance.js';

function normal(mean: readonly number[], deviations: readonly number[]): FeatureDistribution {
  const dimension = mean.length;
  const covariance = new Float64Array(dimension * dimension);
  for (const [i, deviation] of deviations.entries()) covariance[i * dimension + i] = deviation ** 2;
  return { count: 10, mean: Float64Array.from(mean), covariance };
}

function sampled(seed: number, count: number, dimension: number): FeatureDistribution {
  const generator = new TorchGenerator(seed);
  const statistics = new FeatureStatistics(dimension);
  for (let i = 0; i < count; i++) statistics.add(generator.randn(dimension));
  return statistics.distribution();
}

describe('frechetDistance', () => {
  it('of independent normals is Σ (μ₁ − μ₂)² + (σ₁ − σ₂)²', () => {
    const expected = 3 ** 2 + 1 ** 2 + (2 - 0.5) ** 2 + (1 - 4) ** 2;
    expect(frechetDistance(normal([0, 1], [2, 1]), normal([3, 2], [0.5, 4]))).toBeCloseTo(expected, 10);
  });

  it('does not depend on the axes: a rotation of both changes nothing', () => {
    const [cos, sin] = [Math.cos(0.7), Math.sin(0.7)];
    const rotated = ({ count, mean, covariance: c }: FeatureDistribution): FeatureDistribution => {
      const [p, q, r] = [c[0]!, c[1]!, c[3]!];
      const off = (p - r) * sin * cos + q * (cos * cos - sin * sin);
      return {
        count,
        mean: Float64Array.of(cos * mean[0]! - sin * mean[1]!, sin * mean[0]! + cos * mean[1]!),
        covariance: Float64Array.of(
          p * cos * cos - 2 * q * sin * cos + r * sin * sin,
          off,
          off,
          p * sin * sin + 2 * q * sin * cos + r * cos * cos,
        ),
      };
    };
    const [a, b] = [normal([0, 1], [2, 1]), normal([3, 2], [0.5, 4])];
    expect(frechetDistance(rotated(a), rotated(b))).toBeCloseTo(frechetDistance(a, b), 9);
  });

  it('is 0 for equal distributions, symmetric, and real with fewer samples than dimensions', () => {
    const few = sampled(1, 12, 24);
    const many = sampled(2, 200, 24);
    expect(frechetDistance(few, few)).toBeCloseTo(0, 6);
    expect(frechetDistance(few, many)).toBeCloseTo(frechetDistance(many, few), 6);
    expect(frechetDistance(few, many)).toBeGreaterThan(0);
  });

  it('refuses distributions of different dimension', () => {
    expect(() => frechetDistance(normal([0], [1]), normal([0, 0], [1, 1]))).toThrow('expected 1, got 2');
  });
});
