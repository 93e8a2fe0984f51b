import { describe, expect, it } from 'vitest';
import { allSchedules, bruteForceCost, seededRandom } from './__fixtures__/brute-force.js';
import { featureDistances } from './distance-table.js';
import { type ForecastResiduals, forecastScheduleCost, tabulatedResiduals } from './forecast-residuals.js';
import { planForecastRefreshes, planForecastRefreshesInPieces } from './plan-forecast-refreshes.js';
import { planRefreshes } from './plan-refreshes.js';

/** Residuals that depend on all three calls; a share of them is forbidden. */
function randomResiduals(calls: number, random: () => number, forbidden = 0): ForecastResiduals {
  const values = new Map<string, number>();
  return {
    calls,
    window: calls,
    residual(previous, current, call) {
      const key = `${previous} ${current} ${call}`;
      const value = values.get(key) ?? (random() < forbidden ? Infinity : random() * (call - current));
      values.set(key, value);
      return value;
    },
  };
}

describe('planForecastRefreshes finds the least cost of all schedules', () => {
  const random = seededRandom(21);
  for (const forbidden of [0, 0.2]) {
    for (let calls = 1; calls <= 11; calls++) {
      it(`${calls} calls, ${forbidden * 100} % of the residuals forbidden`, () => {
        const residuals = randomResiduals(calls, random, forbidden);
        for (let refreshes = 1; refreshes <= calls; refreshes++) {
          for (const [minLength, maxLength] of [
            [1, calls],
            [1, 4],
            [2, 5],
          ] as const) {
            const least = bruteForceCost(
              allSchedules(calls, refreshes, minLength, Math.min(maxLength, calls)),
              (schedule) => forecastScheduleCost(residuals, schedule),
            );
            const plan = () =>
              planForecastRefreshes(residuals, {
                refreshes,
                minLength,
                maxLength: Math.max(minLength, maxLength),
              });
            if (least === Infinity) {
              expect(plan).toThrowError(expect.objectContaining({ code: 'infeasible-schedule' }));
            } else {
              expect(plan().cost).toBeCloseTo(least, 10);
              expect(forecastScheduleCost(residuals, plan().refreshCalls)).toBeCloseTo(least, 10);
            }
          }
        }
      });
    }
  }
});

describe('planForecastRefreshes', () => {
  it('agrees with planRefreshes when the previous refresh does not matter', () => {
    const random = seededRandom(22);
    const features = Array.from({ length: 30 }, (_, t) => [t * random(), random(), (t / 9) ** 2]);
    const distances = featureDistances(features);
    const residuals: ForecastResiduals = {
      calls: 30,
      window: 30,
      residual: (_, current, call) => distances.distance[call * 30 + call - current]!,
    };
    for (const options of [{ interval: 4 }, { refreshes: 5 }, { interval: 3, refreshes: 8 }]) {
      const expected = planRefreshes(distances, options);
      expect(planForecastRefreshes(residuals, options).cost).toBeCloseTo(expected.cost, 9);
    }
  });

  it('reads tabulated residuals by call, distance to the current and distance to the previous refresh', () => {
    const window = 3;
    const residual = new Float64Array(4 * window * (window + 1)).fill(9);
    const put = (previous: number, current: number, call: number, value: number) => {
      const back = previous < 0 ? 0 : current - previous;
      residual[(call * window + call - current) * (window + 1) + back] = value;
    };
    put(-1, 0, 1, 1);
    put(0, 2, 3, 0.5);
    const residuals = tabulatedResiduals({ calls: 4, window, residual });
    expect(forecastScheduleCost(residuals, [0, 2])).toBe(1.5);
    expect(planForecastRefreshes(residuals, { refreshes: 2 })).toMatchObject({
      refreshCalls: [0, 2],
      cost: 1.5,
    });
    expect(() => tabulatedResiduals({ calls: 4, window: 2, residual })).toThrowError(/= 24 values, got 48/);
  });

  it.each([Number.NaN, -1])('rejects a residual of %d', (bad) => {
    const residuals = {
      calls: 5,
      window: 5,
      residual: (_: number, s: number, t: number) => (s === 2 && t === 4 ? bad : 1),
    };
    expect(() => planForecastRefreshes(residuals, { refreshes: 2 })).toThrowError(
      /call 4 with refreshes 2 and [01].*is not a number ≥ 0/,
    );
  });

  it('says which bound cannot be met', () => {
    const residuals = randomResiduals(6, seededRandom(1));
    expect(() => planForecastRefreshes(residuals, { refreshes: 2, maxLength: 2 })).toThrowError(
      /maxLength is violated.*3 to 6 refreshes are feasible/,
    );
    expect(() => planForecastRefreshes({ ...residuals, window: 3 }, { interval: 3 })).toThrowError(
      /maxLength.*window, 3/,
    );
  });

  it('refuses a table that would not fit into memory', () => {
    const huge = { calls: 4000, window: 4000, residual: () => 0 };
    expect(() => planForecastRefreshes(huge, { refreshes: 10 })).toThrowError(/maxLength can be at most 110/);
  });
});

describe('planForecastRefreshesInPieces', () => {
  it('has a piece for each million of comparisons or less', () => {
    const residuals = { calls: 300, window: 40, residual: () => 1 };
    const computation = planForecastRefreshesInPieces(residuals, { refreshes: 100, maxLength: 40 });
    let pieces = 1;
    while (!computation.next().done) pieces += 1;
    // refreshes · calls · 41², less what cannot be reached.
    expect(pieces).toBeGreaterThan(30);
  });
});
