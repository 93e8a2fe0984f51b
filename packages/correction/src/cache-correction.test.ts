import { describe, expect, it } from 'vitest';
import {
  channelAt,
  channelValues,
  layoutFor,
  mean,
  observedMoments,
  randomTrajectory,
  seededNormal,
  type Trajectory,
} from './__fixtures__/trajectories.js';
import { fitCacheCorrection } from './cache-correction.js';
import { forecastResiduals } from './forecast-residuals.js';
import { type ForecastTables, pureForecast } from './forecast-tables.js';

const calls = 8;
const refreshCalls = [0, 3, 5];
const layout = layoutFor(2, 4, 40);
const normal = seededNormal(5);
const random = [0, 1, 2].map(() => randomTrajectory(calls, layout, normal));
const randomMoments = observedMoments(random, layout, calls);

/** x_t = a0 x_s + a1 x_p + b at the calls after call 5, with numbers of their own for every call and channel. */
const planted = {
  a0: (t: number, c: number) => 0.7 + 0.1 * c + 0.05 * t,
  a1: (t: number, c: number) => 0.3 * c - 0.1 * t,
  b: (t: number, c: number) => c - t,
};

function plantedTrajectory(): Trajectory {
  const trajectory = randomTrajectory(calls, layout, normal);
  for (const t of [6, 7]) {
    trajectory[t] = trajectory[5]!.map((u, at) => {
      const c = channelAt(at, layout);
      return planted.a0(t, c) * u + planted.a1(t, c) * trajectory[3]![at]! + planted.b(t, c);
    });
  }
  return trajectory;
}

function directResidual(tables: ForecastTables, call: number, s: number, p: number): number {
  const perChannel = [0, 1, 2, 3].map((c) => {
    const [y, u, v] = [call, s, Math.max(p, 0)].map((step) => channelValues(random, step, c, layout));
    const at = call * 4 + c;
    return mean(
      y!.map((value, i) => (value - tables.a0[at]! * u![i]! - tables.a1[at]! * v![i]! - tables.b[at]!) ** 2),
    );
  });
  return mean(perChannel);
}

describe('fitCacheCorrection with two anchors', () => {
  it('recovers planted coefficients of every call and channel', () => {
    const moments = observedMoments([plantedTrajectory(), plantedTrajectory()], layout, calls);
    const fit = fitCacheCorrection(moments, { refreshCalls, anchors: 2, shrinkage: 0 });
    for (const t of [6, 7]) {
      for (let c = 0; c < 4; c++) {
        expect(fit.a0[t * 4 + c]).toBeCloseTo(planted.a0(t, c), 4);
        expect(fit.a1[t * 4 + c]).toBeCloseTo(planted.a1(t, c), 4);
        expect(fit.b[t * 4 + c]).toBeCloseTo(planted.b(t, c), 4);
      }
      expect(fit.residual[t]).toBeLessThan(1e-9);
      expect(fit.residualUncorrected[t]).toBeGreaterThan(0.1);
    }
  });

  it('is the identity at refreshes and uses one anchor before the second', () => {
    const fit = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 2, prior: 'extrapolation' });
    for (const t of refreshCalls) {
      expect([...fit.a0.subarray(t * 4, t * 4 + 4)]).toEqual([1, 1, 1, 1]);
      expect([...fit.a1.subarray(t * 4, t * 4 + 4)]).toEqual([0, 0, 0, 0]);
      expect([...fit.b.subarray(t * 4, t * 4 + 4)]).toEqual([0, 0, 0, 0]);
      expect(fit.residual[t]).toBeCloseTo(0, 9);
    }
    for (const t of [1, 2]) expect([...fit.a1.subarray(t * 4, t * 4 + 4)]).toEqual([0, 0, 0, 0]);
  });

  it.each(['reuse', 'extrapolation'] as const)(
    'residual is the direct one, and least without shrinkage (%s)',
    (prior) => {
      let last = 0;
      for (const shrinkage of [0, 0.01, 1, Infinity]) {
        const fit = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 2, prior, shrinkage });
        expect(fit.residual[1]).toBeCloseTo(directResidual(fit, 1, 0, -1), 6);
        expect(fit.residual[4]).toBeCloseTo(directResidual(fit, 4, 3, 0), 6);
        expect(fit.residual[7]).toBeCloseTo(directResidual(fit, 7, 5, 3), 6);
        expect(fit.residual[7]).toBeGreaterThanOrEqual(last - 1e-9);
        for (const t of [1, 2, 4, 6, 7]) {
          expect(fit.residual[t]).toBeLessThanOrEqual(fit.residualPrior[t]! + 1e-9);
        }
        last = fit.residual[7]!;
      }
    },
  );

  it('infinite shrinkage gives the prior, with the mean difference or without', () => {
    const options = { refreshCalls, anchors: 2, prior: 'extrapolation', shrinkage: Infinity } as const;
    const forecast = pureForecast({ calls, channels: 4, refreshCalls, prior: 'extrapolation' });
    const bare = fitCacheCorrection(randomMoments, { ...options, fitOffset: false });
    expect(bare.a0).toEqual(forecast.a0);
    expect(bare.a1).toEqual(forecast.a1);
    expect(bare.b).toEqual(forecast.b);
    expect(bare.residual).toEqual(bare.residualPrior);
    const shifted = fitCacheCorrection(randomMoments, options);
    expect(shifted.a0).toEqual(forecast.a0);
    const [y, u, v] = [7, 5, 3].map((step) => mean(channelValues(random, step, 2, layout)));
    expect(shifted.b[7 * 4 + 2]).toBeCloseTo(y! - 2 * u! + v!, 5);
  });

  it('stays near the prior when the anchors are collinear', () => {
    const trajectory = randomTrajectory(calls, layout, normal);
    trajectory[5] = trajectory[3]!.slice();
    const moments = observedMoments([trajectory], layout, calls);
    for (const shrinkage of [0, 1e-6, 0.01]) {
      const fit = fitCacheCorrection(moments, { refreshCalls, anchors: 2, shrinkage });
      for (let at = 6 * 4; at < 8 * 4; at++) {
        expect(Math.abs(fit.a0[at]! - 1)).toBeLessThan(1);
        expect(Math.abs(fit.a1[at]!)).toBeLessThan(1);
      }
      expect(fit.residual[7]).toBeLessThanOrEqual(fit.residualUncorrected[7]!);
    }
  });

  it('without an offset solves the regression through zero', () => {
    const fit = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 1, fitOffset: false });
    const y = channelValues(random, 7, 2, layout);
    const u = channelValues(random, 5, 2, layout);
    const slope = mean(y.map((value, i) => value * u[i]!)) / mean(u.map((value) => value * value));
    expect(fit.a0[7 * 4 + 2]).toBeCloseTo(slope, 5);
    expect(fit.b.every((value) => value === 0)).toBe(true);
  });
});

describe('fitCacheCorrection with one anchor', () => {
  it('without shrinkage is least squares with population moments', () => {
    const fit = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 1 });
    for (let c = 0; c < 4; c++) {
      const y = channelValues(random, 4, c, layout);
      const u = channelValues(random, 3, c, layout);
      const [my, mu] = [mean(y), mean(u)];
      const slope =
        mean(y.map((value, i) => (value - my) * (u[i]! - mu))) / mean(u.map((value) => (value - mu) ** 2));
      expect(fit.a0[4 * 4 + c]).toBeCloseTo(slope, 5);
      expect(fit.b[4 * 4 + c]).toBeCloseTo(my - slope * mu, 5);
    }
    for (let t = 0; t < calls; t++) {
      expect(fit.residual[t]).toBeLessThanOrEqual(fit.residualUncorrected[t]! + 1e-9);
    }
  });

  it('shrinks the slope to (Cov + λ Var) / (Var (1 + λ))', () => {
    const plain = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 1 });
    const shrunk = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 1, shrinkage: 0.5 });
    for (let at = 28; at < 32; at++) {
      expect(shrunk.a0[at]).toBeCloseTo((plain.a0[at]! + 0.5) / 1.5, 5);
    }
  });

  it('keeps the prior and the mean difference where the anchor is constant', () => {
    const trajectory = randomTrajectory(calls, layout, normal);
    for (const t of [0, 3, 5]) {
      trajectory[t] = trajectory[t]!.map((value, at) => (channelAt(at, layout) === 1 ? 1e3 : value));
    }
    const fit = fitCacheCorrection(observedMoments([trajectory], layout, calls), {
      refreshCalls,
      anchors: 1,
    });
    expect(fit.a0[7 * 4 + 1]).toBe(1);
    expect(fit.b[7 * 4 + 1]).toBeCloseTo(mean(channelValues([trajectory], 7, 1, layout)) - 1e3, 3);
    expect(fit.a0[7 * 4]).not.toBe(1);
  });

  it('corrects anchors of another stream towards the targets', () => {
    const anchors = random.map((trajectory) => trajectory.map((features) => features.map((x) => 2 * x + 1)));
    const moments = observedMoments(random, layout, calls, anchors);
    const shared = fitCacheCorrection(randomMoments, { refreshCalls, anchors: 1 });
    const fit = fitCacheCorrection(moments, { refreshCalls, anchors: 1 });
    expect(fit.a0[7 * 4]).toBeCloseTo(shared.a0[7 * 4]! / 2, 4);
    expect(fit.residual[7]).toBeCloseTo(shared.residual[7]!, 4);
    expect(fit.residual[5]).toBeGreaterThan(0.1);
  });
});

describe('fitCacheCorrection refuses', () => {
  it('anchors that the moments do not reach', () => {
    const narrow = observedMoments(random, layout, 4);
    expect(() => fitCacheCorrection(narrow, { refreshCalls, anchors: 2 })).toThrowError(
      /call 4 with anchors 3 and 0.*less than 4 calls back, got 4 calls.*window of 5/,
    );
    expect(fitCacheCorrection(narrow, { refreshCalls, anchors: 1 }).residual[7]).toBeGreaterThan(0);
  });

  it.each([
    [{ refreshCalls: [1, 3] }, /starting with 0, got \[1, 3\]/],
    [{ refreshCalls: [0, 3, 3] }, /strictly ascending/],
    [{ refreshCalls: [0, 8] }, /at most 7/],
    [{ shrinkage: -1 }, /shrinkage.*≥ 0/],
    [{ shrinkage: Number.NaN }, /shrinkage.*≥ 0/],
  ])('%j', (change, message) => {
    expect(() => fitCacheCorrection(randomMoments, { refreshCalls, anchors: 1, ...change })).toThrowError(
      message,
    );
  });
});

describe('pureForecast', () => {
  it('continues the line through the last two refreshes', () => {
    const { a0, a1, b } = pureForecast({
      calls: 6,
      channels: 1,
      refreshCalls: [0, 2],
      prior: 'extrapolation',
    });
    expect([...a0]).toEqual([1, 1, 1, 1.5, 2, 2.5]);
    expect([...a1]).toEqual([0, 0, 0, -0.5, -1, -1.5]);
    expect([...b]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('is exact for features that change linearly with the call', () => {
    const trajectory = Array.from({ length: 6 }, (_, t) => Float32Array.of(t, 3 - 2 * t, 5));
    const moments = observedMoments([trajectory], layoutFor(1, 1, 3), 6);
    const line = pureForecast({ calls: 6, channels: 1, refreshCalls: [0, 2], prior: 'extrapolation' });
    const reuse = pureForecast({ calls: 6, channels: 1, refreshCalls: [0, 2], prior: 'reuse' });
    expect(forecastResiduals(line, moments)[5]).toBeCloseTo(0, 9);
    expect(forecastResiduals(reuse, moments)[5]).toBeCloseTo((9 + 36) / 3, 9);
  });
});
