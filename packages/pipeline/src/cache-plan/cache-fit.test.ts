import { type FeatureMoments, fitCacheCorrection, forecastResiduals } from '@cachequant/correction';
import { finish } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { randomHalves } from '../__fixtures__/trajectories.js';
import { chooseShrinkage, fitCacheOn } from './cache-fit.js';

const STEPS = [0, 3, 6];
const SIZES = { calls: 9, window: 9 };

/** What is left on the half that a fit has not seen, both ways. */
function heldOut([even, odd]: readonly [FeatureMoments, FeatureMoments], shrinkage: number): number {
  const options = { refreshCalls: STEPS, anchors: 2, prior: 'extrapolation', shrinkage } as const;
  const left = (fit: FeatureMoments, check: FeatureMoments) =>
    forecastResiduals(fitCacheCorrection(fit, options), check).reduce((sum, value) => sum + value, 0);
  return left(even, odd) + left(odd, even);
}

describe('chooseShrinkage', () => {
  it('leaves less on the half not seen than no pull and a strong one', () => {
    const halves = randomHalves({ ...SIZES, images: 2, anchorNoise: 0.1 });
    const chosen = finish(chooseShrinkage(STEPS, halves));
    for (const other of [0, 0.001, 0.01, 0.1, 1]) {
      expect(heldOut(halves, chosen)).toBeLessThanOrEqual(heldOut(halves, other));
    }
  });

  it('is a middling pull where there is one image alone', () => {
    const halves = randomHalves({ ...SIZES, images: 1 });
    const chosen = finish(chooseShrinkage(STEPS, halves));
    expect(chosen).toBeGreaterThan(0);
    expect(chosen).toBeLessThanOrEqual(1);
  });
});

describe('fitCacheOn', () => {
  const features = randomHalves({ ...SIZES, images: 4 });
  const moments = { features, anchors: randomHalves({ ...SIZES, images: 4, anchorNoise: 0.05 }) };
  const nonzero = (values: Float32Array) => values.some((value) => value !== 0);

  it('none reuses the features as they are', () => {
    const { a0, a1, b } = finish(fitCacheOn('none', STEPS, moments));
    expect([a0.every((value) => value === 1), nonzero(a1), nonzero(b)]).toEqual([true, false, false]);
  });

  it('paper scales and shifts the newest refresh alone', () => {
    const { a0, a1, b } = finish(fitCacheOn('paper', STEPS, moments));
    expect([a0.every((value) => value === 1), nonzero(a1), nonzero(b)]).toEqual([false, false, true]);
  });

  it('paper does not look at what the quantized model caches', () => {
    expect(finish(fitCacheOn('paper', STEPS, moments))).toEqual(
      finish(fitCacheOn('paper', STEPS, { features, anchors: features })),
    );
  });

  it('forecast uses two refreshes as soon as there are two, and leaves refreshes alone', () => {
    const { a0, a1, channels } = finish(fitCacheOn('forecast', STEPS, moments));
    const usesTwo = Array.from({ length: SIZES.calls }, (_, call) =>
      nonzero(a1.subarray(call * channels, (call + 1) * channels)),
    );
    expect(usesTwo).toEqual([false, false, false, false, true, true, false, true, true]);
    for (const step of STEPS)
      expect([...a0.subarray(step * channels, (step + 1) * channels)]).toEqual([1, 1, 1]);
  });

  it.each(['none', 'paper', 'forecast'] as const)(
    '%s with a refresh at every call changes nothing',
    (kind) => {
      const { a0, a1, b } = finish(fitCacheOn(kind, [0, 1, 2, 3, 4, 5, 6, 7, 8], moments));
      expect([a0.every((value) => value === 1), nonzero(a1), nonzero(b)]).toEqual([true, false, false]);
    },
  );
});
