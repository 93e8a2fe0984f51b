import {
  type FeatureMoments,
  type ForecastTables,
  fitCacheCorrection,
  forecastResiduals,
  forecastResidualTable,
  residualDistances,
} from '@cachequant/correction';
import { refreshesFor, scheduleCost } from '@cachequant/scheduler';
import { finish } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { randomHalves } from '../__fixtures__/trajectories.js';
import { fitCacheOn } from './cache-fit.js';
import { SCHEDULE_KINDS } from './kinds.js';
import { makeSchedule, mergedMoments } from './schedules.js';

const CALLS = 11;
const INTERVAL = 3;

/** All schedules of K refreshes from 0. */
function schedules(calls: number, refreshes: number, from = 0): number[][] {
  if (refreshes === 1) return [[from]];
  const found: number[][] = [];
  for (let next = from + 1; next < calls; next++) {
    for (const rest of schedules(calls, refreshes - 1, next)) found.push([from, ...rest]);
  }
  return found;
}

function longestGroup(steps: readonly number[], calls: number): number {
  return Math.max(...steps.map((step, i) => (steps[i + 1] ?? calls) - step));
}

/** What a fit leaves at the cached calls; a refresh's own rounding is there with any schedule. */
function leftByFit(fit: ForecastTables, moments: FeatureMoments): number {
  const refreshes = new Set(fit.refreshCalls);
  return forecastResiduals(fit, moments).reduce(
    (sum, value, call) => (refreshes.has(call) ? sum : sum + value),
    0,
  );
}

function fittedCost(moments: FeatureMoments, refreshCalls: readonly number[], anchors: 1 | 2): number {
  const prior = anchors === 2 ? 'extrapolation' : 'reuse';
  return leftByFit(fitCacheCorrection(moments, { refreshCalls, anchors, prior, shrinkage: 0.01 }), moments);
}

describe('makeSchedule', () => {
  for (const kind of SCHEDULE_KINDS) {
    it(`${kind} gives K ascending refreshes from 0, for steps and for one call more`, () => {
      for (const [steps, calls] of [
        [10, 10],
        [10, 11],
        [7, 8],
      ] as const) {
        for (const interval of [2, 3]) {
          const refreshes = refreshesFor(steps, interval);
          const halves = randomHalves({ calls, window: Math.min(calls, 4 * interval), images: 2 });
          const moments = mergedMoments(halves);
          const request = {
            calls,
            interval,
            refreshes,
            distances: moments.distanceTable(),
            anchors: moments,
            shrinkage: 0.1,
          };
          const made = finish(makeSchedule(kind, request));
          expect(made).toHaveLength(refreshes);
          expect(made[0]).toBe(0);
          expect(made.every((step, i) => i === 0 || step > made[i - 1]!)).toBe(true);
          expect(made.at(-1)).toBeLessThan(calls);
          if (kind !== 'quadratic') expect(longestGroup(made, calls)).toBeLessThanOrEqual(2 * interval);
          expect(() =>
            finish(fitCacheOn('forecast', made, { features: halves, anchors: halves })),
          ).not.toThrow();
        }
      }
    });
  }

  it('forecast-dp leaves the least residual of all schedules, fitted with two anchors', () => {
    const anchors = mergedMoments(randomHalves({ calls: CALLS, window: CALLS, images: 3, anchorNoise: 0.2 }));
    const features = mergedMoments(randomHalves({ calls: CALLS, window: CALLS, images: 3 }));
    const request = {
      calls: CALLS,
      interval: INTERVAL,
      refreshes: 4,
      distances: features.distanceTable(),
      anchors,
      shrinkage: 0.01,
    };
    const made = finish(makeSchedule('forecast-dp', request));
    const costs = schedules(CALLS, 4)
      .filter((steps) => longestGroup(steps, CALLS) <= 2 * INTERVAL)
      .map((steps) => fittedCost(anchors, steps, 2));
    expect(fittedCost(anchors, made, 2)).toBeCloseTo(Math.min(...costs), 5);
  });

  it('dp leaves the least L1 distance of all schedules within the bounds', () => {
    const features = mergedMoments(randomHalves({ calls: CALLS, window: CALLS, images: 3, seed: 5 }));
    const request = {
      calls: CALLS,
      interval: INTERVAL,
      refreshes: 4,
      distances: features.distanceTable(),
      anchors: features,
      shrinkage: 0,
    };
    const table = features.distanceTable();
    const costs = schedules(CALLS, 4)
      .filter((steps) => longestGroup(steps, CALLS) <= 6 && shortestGroup(steps, CALLS) >= 2)
      .map((steps) => scheduleCost(table, steps));
    expect(scheduleCost(table, finish(makeSchedule('dp', request)))).toBeCloseTo(Math.min(...costs), 8);
  });
});

function shortestGroup(steps: readonly number[], calls: number): number {
  return Math.min(...steps.map((step, i) => (steps[i + 1] ?? calls) - step));
}

describe('the costs that schedules are planned by', () => {
  const moments = mergedMoments(randomHalves({ calls: CALLS, window: CALLS, images: 4, anchorNoise: 0.3 }));
  const options = { prior: 'extrapolation', shrinkage: 0.01, window: CALLS } as const;

  it.each([[[0, 3, 5, 9]], [[0, 1, 2, 8]], [[0, 5]]])(
    'are the summed residuals of the fit along %j, with two anchors',
    (steps) => {
      const { residual, window } = forecastResidualTable(moments, options);
      let cost = 0;
      for (let call = 0; call < CALLS; call++) {
        const at = steps.findLastIndex((step) => step <= call);
        const current = steps[at]!;
        const back = at === 0 ? 0 : current - steps[at - 1]!;
        cost += residual[(call * window + call - current) * (window + 1) + back]!;
      }
      expect(cost / fittedCost(moments, steps, 2)).toBeCloseTo(1, 5);
    },
  );

  it.each([[[0, 3, 5, 9]], [[0, 5]]])('are so along %j with one anchor too', (steps) => {
    const table = residualDistances(moments, { prior: 'reuse', shrinkage: 0.01 });
    expect(scheduleCost(table, steps) / fittedCost(moments, steps, 1)).toBeCloseTo(1, 5);
  });
});

describe('mergedMoments', () => {
  it('leaves its halves as they were', () => {
    const halves = randomHalves({ calls: 4, window: 4, images: 3 });
    const merged = mergedMoments(halves);
    expect([merged.trajectories, halves[0].trajectories, halves[1].trajectories]).toEqual([3, 2, 1]);
    const [even, odd] = halves.map((half) => half.distanceTable().distance);
    const sum = even!.map((value, i) => value + odd![i]!);
    expect(merged.distanceTable().distance).toEqual(sum);
  });
});
