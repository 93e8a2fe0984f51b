import { expect, it } from 'vitest';
import type { MeasuredImage } from './measure-image.js';
import { summarize } from './verify.js';

const COVERAGE = { plannedShare: 1, integerShare: 1, missed: [], operators: [] };

function image(seconds: number): MeasuredImage {
  return {
    picture: { width: 1, height: 1, rgb: new Uint8Array(3) },
    calls: [{ kind: 'float', ms: seconds * 900 }],
    decoderMs: seconds * 100,
    seconds,
    trajectory: [Float32Array.of(1)],
  };
}

it('summarize gives the speed of the times that were measured, exactly', () => {
  const times = [
    [6, 2],
    [7, 1],
    [5, 4],
  ] as const;
  const runs = times.map(([original, optimized]) => ({
    original: image(original),
    optimized: image(optimized),
    plain: undefined,
    full: 1,
    cached: 0,
  }));
  const summary = summarize(runs, [30, 31, 32], [0.9, 0.9, 0.9], COVERAGE);
  expect(summary.secondsPerImage).toEqual({ original: 6, optimized: 2 });
  expect(summary.speedup).toBe(3);
  expect(summary.speedupInterval![0]).toBeGreaterThanOrEqual(5 / 4);
  expect(summary.speedupInterval![1]).toBeLessThanOrEqual(7);
  expect(summary.busy).toBe(true);
  expect(summary.times.original).toEqual({ calls: [{ kind: 'float', ms: 5400 }], decoderMs: 600 });
});
