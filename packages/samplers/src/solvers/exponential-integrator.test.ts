import { describe, expect, it } from 'vitest';
import { noiseLevelOfRatio } from '../schedules/noise-schedule.js';
import { exponentialStep, phiFunctions } from './exponential-integrator.js';

/** φ_k(h) by its integral ∫₀¹ e^((1−s)h) s^(k−1)/(k−1)! ds, with Simpson's rule. */
function phiByIntegral(k: number, h: number): number {
  const pieces = 2000;
  let factorial = 1;
  for (let n = 2; n < k; n++) factorial *= n;
  let sum = 0;
  for (let i = 0; i <= pieces; i++) {
    const s = i / pieces;
    const weight = i === 0 || i === pieces ? 1 : i % 2 === 1 ? 4 : 2;
    sum += (weight * Math.exp((1 - s) * h) * s ** (k - 1)) / factorial;
  }
  return sum / (3 * pieces);
}

describe('phiFunctions(h, count)', () => {
  it.each([-8, -1, -0.11, -0.09, -1e-4, -1e-9, 0, 1e-6, 0.05, 0.1, 2])(
    'of h = %s are their integrals',
    (h) => {
      for (const [index, value] of phiFunctions(h, 4).entries()) {
        expect(Math.abs(value / phiByIntegral(index + 1, h) - 1)).toBeLessThan(1e-10);
      }
    },
  );
});

describe('exponentialStep', () => {
  const [from, to] = [noiseLevelOfRatio(3), noiseLevelOfRatio(0.7)];

  it.each(['clean', 'noise'] as const)(
    'is exact where the %s sample does not change along the path',
    (of) => {
      const [clean, noise] = [0.4, -1.3];
      const at = ({ signal, noise: sigma }: typeof from) => signal * clean + sigma * noise;
      const { kept, gain } = exponentialStep(of, from, to);
      expect(kept * at(from) + gain * (of === 'clean' ? clean : noise)).toBeCloseTo(at(to), 12);
    },
  );

  it.each(['clean', 'noise'] as const)(
    'reaches a level without noise with finite factors of the %s',
    (of) => {
      const { kept, gain } = exponentialStep(of, from, noiseLevelOfRatio(0));
      expect([kept, gain].every(Number.isFinite)).toBe(true);
    },
  );
});
