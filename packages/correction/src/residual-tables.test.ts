import { describe, expect, it } from 'vitest';
import { layoutFor, observedMoments, randomTrajectory, seededNormal } from './__fixtures__/trajectories.js';
import { fitCacheCorrection } from './cache-correction.js';
import { forecastResiduals } from './forecast-residuals.js';
import { pureForecast } from './forecast-tables.js';
import { forecastResidual, forecastResidualTable, residualDistances } from './residual-tables.js';

const calls = 9;
const layout = layoutFor(1, 3, 60);
const normal = seededNormal(77);
const moments = observedMoments([randomTrajectory(calls, layout, normal)], layout, calls);

describe('forecastResidual(moments, anchors)', () => {
  it.each([
    { prior: 'reuse', shrinkage: 0 },
    { prior: 'extrapolation', shrinkage: 0.2 },
    { prior: 'extrapolation', shrinkage: 0.2, fitOffset: false },
  ] as const)('is the residual of the fit with these anchors, %j', (options) => {
    const fit = fitCacheCorrection(moments, { refreshCalls: [0, 2, 5], anchors: 2, ...options });
    for (const [previous, current, call] of [
      [-1, 0, 1],
      [0, 2, 4],
      [2, 5, 6],
      [2, 5, 8],
    ] as const) {
      expect(forecastResidual(moments, { previous, current, call }, options)).toBeCloseTo(
        fit.residual[call]!,
        6,
      );
    }
  });

  it('with infinite shrinkage and no offset is the residual of the pure forecast', () => {
    const forecast = pureForecast({ calls, channels: 3, refreshCalls: [0, 2, 5], prior: 'extrapolation' });
    const options = { prior: 'extrapolation', shrinkage: Infinity, fitOffset: false } as const;
    const expected = forecastResiduals(forecast, moments)[7]!;
    expect(forecastResidual(moments, { previous: 2, current: 5, call: 7 }, options)).toBeCloseTo(expected, 6);
  });

  it('is 0 at the refresh itself', () => {
    expect(forecastResidual(moments, { previous: 2, current: 5, call: 5 })).toBe(0);
  });

  it.each([
    [{ previous: 2, current: 2, call: 4 }, /previous/],
    [{ previous: -1, current: 5, call: 4 }, /current/],
    [{ previous: -1, current: 0, call: 9 }, /call/],
  ])('rejects %j', (anchors, message) => {
    expect(() => forecastResidual(moments, anchors)).toThrowError(message);
  });
});

describe('forecastResidualTable(moments, { window })', () => {
  const options = { prior: 'extrapolation', shrinkage: 0.05 } as const;

  it('holds forecastResidual of every pair of anchors, and ∞ where there is none', () => {
    const window = 4;
    const { residual } = forecastResidualTable(moments, { window, ...options });
    for (let call = 0; call < calls; call++) {
      for (let reach = 0; reach < window; reach++) {
        for (let back = 0; back <= window; back++) {
          const current = call - reach;
          const previous = back === 0 ? -1 : current - back;
          const value = residual[(call * window + reach) * (window + 1) + back];
          const exists = current >= 0 && current >= back;
          expect(value).toBe(
            exists ? forecastResidual(moments, { previous, current, call }, options) : Infinity,
          );
        }
      }
    }
  });

  it('is infinite where the moments do not reach back to the previous refresh', () => {
    const narrow = observedMoments([randomTrajectory(calls, layout, normal)], layout, 4);
    const { residual } = forecastResidualTable(narrow, { window: 4 });
    const at = (call: number, reach: number, back: number) => residual[(call * 4 + reach) * 5 + back];
    expect(at(8, 1, 2)).toBeLessThan(Infinity);
    expect(at(8, 1, 3)).toBe(Infinity);
    expect(at(8, 3, 0)).toBeLessThan(Infinity);
    expect(() => forecastResidualTable(narrow, { window: 5 })).toThrowError(/window.*in \[1, 4\]/);
  });
});

describe('residualDistances(moments)', () => {
  it('holds one-anchor residuals by call and number of calls back', () => {
    const { distance, window } = residualDistances(moments, { window: 5 });
    expect(window).toBe(5);
    expect(distance[7 * 5 + 3]).toBe(forecastResidual(moments, { previous: -1, current: 4, call: 7 }));
    expect([distance[7 * 5], distance[2 * 5 + 3]]).toEqual([0, 0]);
  });

  it('is 0 for features that are a line of the anchor in every channel', () => {
    const first = randomTrajectory(1, layout, normal)[0]!;
    const trajectory = [1, 2, 3].map((t) => first.map((value) => t * value - t));
    const exact = observedMoments([trajectory], layout, 3);
    expect(Math.max(...residualDistances(exact).distance)).toBeLessThan(1e-9);
    expect(exact.distanceTable().distance[2 * 3 + 1]).toBeGreaterThan(1);
  });
});
