import { describe, expect, it } from 'vitest';
import { PredictionSmoothing } from './prediction-smoothing.js';

const of = (...values: number[]) => Float32Array.of(...values);

describe('PredictionSmoothing.apply(call, prediction)', () => {
  it('takes the given part of the prediction before, as that was before smoothing', () => {
    const smoothing = new PredictionSmoothing((call) => [0.9, 0.5, 0.25][call]!);
    expect(smoothing.apply(0, of(8, 0))).toEqual(of(8, 0));
    expect(smoothing.apply(1, of(4, 2))).toEqual(of(6, 1));
    expect(smoothing.apply(2, of(0, 2))).toEqual(of(1, 2));
  });

  it('gives predictions as they are where the weight is 0', () => {
    const smoothing = new PredictionSmoothing(() => 0);
    smoothing.apply(0, of(1));
    const prediction = of(5);
    expect(smoothing.apply(1, prediction)).toBe(prediction);
  });
});
