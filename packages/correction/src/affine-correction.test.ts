import { describe, expect, it } from 'vitest';
import { channelAt, layoutFor, mean, seededNormal } from './__fixtures__/trajectories.js';
import { fitAffine, fitAffineCorrection, keepAffineWhereBetter } from './affine-correction.js';
import { AffineMoments } from './affine-moments.js';

const layout = layoutFor(2, 3, 50);
const normal = seededNormal(31);

function outputs(): Float32Array {
  return Float32Array.from({ length: 300 }, (_, at) => normal() * 2 + channelAt(at, layout) * 10);
}

/** y = scale_c · x + offset_c + noise */
function targets(
  x: Float32Array,
  scale: readonly number[],
  offset: readonly number[],
  noise = 0,
): Float32Array {
  return x.map((value, at) => {
    const c = channelAt(at, layout);
    return scale[c]! * value + offset[c]! + noise * normal();
  });
}

function observed(
  calls: number,
  pairs: readonly [call: number, x: Float32Array, y: Float32Array][],
): AffineMoments {
  const moments = new AffineMoments({ calls, channels: 3 });
  for (const [call, x, y] of pairs) moments.observe(call, x, y, layout);
  return moments;
}

function directResidual(
  x: Float32Array,
  y: Float32Array,
  fit: { scale: Float32Array; offset: Float32Array },
  call: number,
): number {
  return mean(
    [...x].map((value, at) => {
      const c = call * 3 + channelAt(at, layout);
      return (y[at]! - fit.scale[c]! * value - fit.offset[c]!) ** 2;
    }),
  );
}

describe('fitAffineCorrection', () => {
  it('recovers planted scales and offsets of every call and channel', () => {
    const [x0, x1] = [outputs(), outputs()];
    const moments = observed(3, [
      [0, x0, targets(x0, [0.9, 1.2, 0.6], [0.5, -1, 3])],
      [2, x1, targets(x1, [1.1, 1.9, 1], [0, 2, -4])],
    ]);
    const fit = fitAffineCorrection(moments);
    const expected = [0.9, 1.2, 0.6, 1, 1, 1, 1.1, 1.9, 1];
    const offsets = [0.5, -1, 3, 0, 0, 0, 0, 2, -4];
    for (let at = 0; at < 9; at++) {
      expect(fit.scale[at]).toBeCloseTo(expected[at]!, 5);
      expect(fit.offset[at]).toBeCloseTo(offsets[at]!, 4);
    }
    expect(fit.residual[0]).toBeLessThan(1e-8);
    expect(fit.residualUncorrected[0]).toBeGreaterThan(1);
  });

  it('reports the residual that direct computation gives, not above the uncorrected one', () => {
    const x = outputs();
    const y = targets(x, [0.9, 1.4, 3], [0.1, -0.2, 0], 0.5);
    const fit = fitAffineCorrection(observed(1, [[0, x, y]]));
    expect(fit.residual[0]).toBeCloseTo(directResidual(x, y, fit, 0), 6);
    expect(fit.residual[0]).toBeLessThan(fit.residualUncorrected[0]!);
  });

  it('gives the mean difference alone where the scale leaves the clamp or the output is constant', () => {
    const x = outputs().map((value, at) => (channelAt(at, layout) === 1 ? 7 : value));
    const y = targets(x, [3, 1.5, -1], [1, 2, 0]);
    const fit = fitAffineCorrection(observed(1, [[0, x, y]]));
    expect([...fit.scale]).toEqual([1, 1, 1]);
    for (let c = 0; c < 3; c++) {
      const difference = [...y]
        .map((value, at) => value - x[at]!)
        .filter((_, at) => channelAt(at, layout) === c);
      expect(fit.offset[c]).toBeCloseTo(mean(difference), 4);
    }
    expect(fitAffineCorrection(observed(1, [[0, x, y]]), { clamp: [0.1, 4] }).scale[0]).toBeCloseTo(3, 5);
  });

  it('merge() and restore() give what observing everything gives', () => {
    const [x0, x1] = [outputs(), outputs()];
    const [y0, y1] = [targets(x0, [1, 1.2, 0.8], [0, 1, 2], 0.3), targets(x1, [1, 1.2, 0.8], [0, 1, 2], 0.3)];
    const whole = fitAffineCorrection(
      observed(1, [
        [0, x0, y0],
        [0, x1, y1],
      ]),
    );
    const parts = AffineMoments.restore(structuredClone(observed(1, [[0, x0, y0]]).snapshot()));
    parts.merge(observed(1, [[0, x1, y1]]));
    const fit = fitAffineCorrection(parts);
    for (let c = 0; c < 3; c++) {
      expect(fit.scale[c]).toBeCloseTo(whole.scale[c]!, 6);
      expect(fit.offset[c]).toBeCloseTo(whole.offset[c]!, 5);
    }
  });

  it('rejects outputs of another size, and NaN', () => {
    const moments = new AffineMoments({ calls: 1, channels: 3 });
    const x = outputs();
    expect(() => moments.observe(0, x, x.subarray(3), layout)).toThrowError(/y: .*300 values, got 297/);
    expect(() => moments.observe(0, x, x, layoutFor(2, 2, 75))).toThrowError(/channels.*expected 3, got 2/);
    expect(() => moments.observe(1, x, x, layout)).toThrowError(/call: .*in \[0, 0\], got 1/);
    const bad = x.with(5, Number.NaN);
    expect(() => moments.observe(0, x, bad, layout)).toThrowError(/call 0, y\[5\].*NaN/);
    expect(moments.samples[0]).toBe(0);
  });
});

describe('fitAffine', () => {
  const sums = { n: 4, sumX: 6, sumY: 7, sumXX: 14, sumXY: 16 };

  it('is least squares over population moments', () => {
    const scale = (16 / 4 - 1.5 * 1.75) / (14 / 4 - 1.5 ** 2);
    expect(fitAffine(sums).scale).toBeCloseTo(scale, 12);
    expect(fitAffine(sums).offset).toBeCloseTo(1.75 - scale * 1.5, 12);
  });

  it('shrinks the scale towards 1', () => {
    const { scale } = fitAffine(sums);
    expect(fitAffine(sums, { shrinkage: 1 }).scale).toBeCloseTo((scale + 1) / 2, 12);
    expect(fitAffine(sums, { shrinkage: Infinity })).toEqual({ scale: 1, offset: 0.25 });
  });

  it('rejects empty sums and a clamp that leaves out 1', () => {
    expect(() => fitAffine({ ...sums, n: 0 })).toThrowError(/no samples/);
    expect(() => fitAffine(sums, { clamp: [1.5, 2] })).toThrowError(/range around 1.*\[1.5, 2\]/);
    expect(() => fitAffine(sums, { shrinkage: -1 })).toThrowError(/shrinkage/);
  });
});

describe('keepAffineWhereBetter', () => {
  it('drops what does not help on held-out outputs', () => {
    const [x, held] = [outputs(), outputs()];
    const fit = fitAffineCorrection(
      observed(2, [
        [0, x, targets(x, [1.3, 1.3, 1.3], [0, 0, 0])],
        [1, x, targets(x, [1.3, 1.3, 1.3], [0, 0, 0])],
      ]),
    );
    const target = targets(held, [1.3, 1, 0.9], [0, 0, 0]);
    const checked = keepAffineWhereBetter(fit, observed(2, [[0, held, target]]));
    expect(checked.scale[0]).toBeCloseTo(1.3, 5);
    expect([...checked.scale.subarray(1)]).toEqual([1, 1, 1, 1, 1]);
    expect([...checked.offset.subarray(1)]).toEqual([0, 0, 0, 0, 0]);
    expect(checked.residual[0]).toBeCloseTo(directResidual(held, target, checked, 0), 5);
    expect(checked.residual[0]).toBeLessThan(checked.residualUncorrected[0]!);
  });
});
