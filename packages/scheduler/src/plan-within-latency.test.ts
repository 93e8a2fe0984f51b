import { describe, expect, it } from 'vitest';
import { seededRandom } from './__fixtures__/brute-force.js';
import { featureDistances } from './distance-table.js';
import { scheduleCost } from './group-costs.js';
import { paretoFront } from './pareto-front.js';
import { planRefreshes } from './plan-refreshes.js';
import { planWithinLatency, refreshesWithinLatency } from './plan-within-latency.js';

const random = seededRandom(8);
const features = Array.from({ length: 24 }, (_, t) => [t + random(), random() * 4, t * t * 0.1]);
const distances = featureDistances(features);

describe('paretoFront(distances, bounds)', () => {
  it.each([{}, { minLength: 2, maxLength: 7 }, { maxLength: 5 }])(
    'gives what planRefreshes gives for every feasible number of refreshes, %j',
    (bounds) => {
      const front = paretoFront(distances, bounds);
      const { minLength = 1, maxLength = 24 } = bounds as { minLength?: number; maxLength?: number };
      expect(front.map((plan) => plan.refreshes)).toEqual(
        Array.from({ length: 24 }, (_, at) => at + 1).filter(
          (k) => k * minLength <= 24 && k * maxLength >= 24,
        ),
      );
      for (const plan of front) {
        expect(plan).toEqual(planRefreshes(distances, { refreshes: plan.refreshes, ...bounds }));
        expect(scheduleCost(distances, plan.refreshCalls)).toBeCloseTo(plan.cost, 9);
      }
    },
  );

  it('never costs more with one refresh more, and nothing with all', () => {
    const costs = paretoFront(distances).map((plan) => plan.cost);
    expect(costs.every((cost, at) => at === 0 || cost <= costs[at - 1]!)).toBe(true);
    expect(costs.at(-1)).toBe(0);
  });

  it('throws when no number of refreshes fits', () => {
    expect(() => paretoFront(distances, { minLength: 13, maxLength: 23 })).toThrowError(
      expect.objectContaining({ code: 'infeasible-schedule' }),
    );
  });
});

describe('planWithinLatency(distances, budget)', () => {
  it('takes the most refreshes whose time fits', () => {
    const plan = planWithinLatency(distances, { budgetMs: 1000, fullMs: 100, cachedMs: 10 });
    expect(plan.refreshes).toBe(8);
    expect(plan.estimatedMs).toBe(8 * 100 + 16 * 10);
    expect(plan.refreshCalls).toEqual(planRefreshes(distances, { refreshes: 8 }).refreshCalls);
  });

  it('fits a budget exactly', () => {
    expect(planWithinLatency(distances, { budgetMs: 960, fullMs: 100, cachedMs: 10 }).refreshes).toBe(8);
    expect(planWithinLatency(distances, { budgetMs: 959, fullMs: 100, cachedMs: 10 }).refreshes).toBe(7);
  });

  it('refreshes at every call when there is time, or when the cache saves none', () => {
    expect(planWithinLatency(distances, { budgetMs: 2400, fullMs: 100, cachedMs: 10 }).refreshes).toBe(24);
    expect(planWithinLatency(distances, { budgetMs: 2400, fullMs: 100, cachedMs: 120 }).refreshes).toBe(24);
  });

  it('says how fast the fastest schedule is when the budget is too small', () => {
    const budget = { budgetMs: 300, fullMs: 100, cachedMs: 10 };
    expect(() => planWithinLatency(distances, budget)).toThrowError(/at least 330 ms.*got 300 ms/);
    expect(() => planWithinLatency(distances, { ...budget, maxLength: 6 })).toThrowError(/at least 600 ms/);
    expect(() => planWithinLatency(distances, budget)).toThrowError(
      expect.objectContaining({ code: 'infeasible-schedule' }),
    );
  });

  it('rejects times that are not positive', () => {
    expect(() => refreshesWithinLatency(10, { budgetMs: 0, fullMs: 1, cachedMs: 1 })).toThrowError(
      /budgetMs/,
    );
    expect(() => refreshesWithinLatency(10, { budgetMs: 9, fullMs: Number.NaN, cachedMs: 1 })).toThrowError(
      /fullMs.*milliseconds, got NaN/,
    );
  });
});
