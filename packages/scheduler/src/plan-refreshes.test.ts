import { readFileSync } from 'node:fs';
import { CacheQuantError, finishUnlessAborted, type InPieces } from '@cachequant/tensor';
import { stoppedAfter } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { allSchedules, bruteForceCost, seededRandom } from './__fixtures__/brute-force.js';
import { type DistanceTable, featureDistances, featureDistancesInPieces } from './distance-table.js';
import { scheduleCost } from './group-costs.js';
import { planRefreshes, planRefreshesInPieces } from './plan-refreshes.js';

interface GoldenCase {
  T: number;
  N: number;
  K: number;
  features: number[][];
  schedule: number[];
  cost: number;
  scheduleUnbounded?: number[];
}

const golden: { cases: GoldenCase[] } = JSON.parse(
  readFileSync(new URL('../../../fixtures/golden/dps.json', import.meta.url), 'utf8'),
);

function randomTable(calls: number, random: () => number, window = calls): DistanceTable {
  const distance = new Float64Array(calls * window);
  for (let i = 0; i < calls; i++) {
    for (let k = 1; k < window && k <= i; k++) distance[i * window + k] = random() * k;
  }
  return { calls, window, distance };
}

describe('planRefreshes(distances, { interval }) agrees with the reference implementation', () => {
  it.each(golden.cases)('T=$T N=$N', ({ T, N, K, features, schedule, cost }) => {
    const distances = featureDistances(features);
    const plan = planRefreshes(distances, { interval: N });
    expect(plan.cost).toBe(cost);
    expect(scheduleCost(distances, plan.refreshCalls)).toBe(cost);
    expect(scheduleCost(distances, schedule)).toBe(cost);
    expect(plan.refreshCalls).toHaveLength(K);
    expect(plan.minLength).toBe(Math.ceil(N / 2));
    expect(plan.maxLength).toBe(Math.min(2 * N, T));
  });

  it.each(golden.cases.filter((one) => one.scheduleUnbounded !== undefined))(
    'T=$T K=$K without length bounds',
    ({ K, features, scheduleUnbounded }) => {
      const distances = featureDistances(features);
      const plan = planRefreshes(distances, { refreshes: K });
      expect(plan.cost).toBe(scheduleCost(distances, scheduleUnbounded!));
    },
  );

  it('plans from a table that holds no more than 2N calls', () => {
    const { features, N, cost } = golden.cases.at(-1)!;
    expect(planRefreshes(featureDistances(features, { window: 2 * N }), { interval: N }).cost).toBe(cost);
  });
});

describe('planRefreshes finds the least cost of all schedules', () => {
  const random = seededRandom(1);
  for (let calls = 1; calls <= 12; calls++) {
    it(`${calls} calls, every number of refreshes and pair of bounds`, () => {
      const distances = randomTable(calls, random);
      for (let refreshes = 1; refreshes <= calls; refreshes++) {
        for (const [minLength, maxLength] of [
          [1, calls],
          [1, 3],
          [2, 4],
          [2, calls],
        ] as const) {
          const least = bruteForceCost(
            allSchedules(calls, refreshes, minLength, Math.min(maxLength, calls)),
            (schedule) => scheduleCost(distances, schedule),
          );
          const plan = () =>
            planRefreshes(distances, { refreshes, minLength, maxLength: Math.max(maxLength, minLength) });
          if (least === Infinity) expect(plan).toThrowError(CacheQuantError);
          else expect(plan().cost).toBeCloseTo(least, 10);
        }
      }
    });
  }
});

describe('planRefreshes', () => {
  const distances = randomTable(11, seededRandom(2));

  it('takes bounds from interval and the number from refreshes when both are given', () => {
    const plan = planRefreshes(distances, { interval: 4, refreshes: 5 });
    expect(plan).toMatchObject({ refreshes: 5, minLength: 2, maxLength: 8 });
    expect(plan.refreshCalls).toHaveLength(5);
  });

  it('refreshes at every call with interval 1', () => {
    const plan = planRefreshes(distances, { interval: 1 });
    expect(plan.refreshCalls).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(plan.cost).toBe(0);
  });

  it('plans one group when twice the interval exceeds the number of calls', () => {
    expect(planRefreshes(distances, { interval: 11 }).refreshCalls).toEqual([0]);
  });

  it('gives ties to the earliest refresh', () => {
    const flat = { calls: 6, window: 6, distance: new Float64Array(36) };
    expect(planRefreshes(flat, { refreshes: 3 }).refreshCalls).toEqual([0, 1, 2]);
  });

  it.each([
    [{ refreshes: 12 }, /minLength is violated.*1 to 11 refreshes are feasible/],
    [{ refreshes: 2, maxLength: 5 }, /maxLength is violated.*10 < 11.*3 to 11 refreshes/],
    [{ refreshes: 4, minLength: 3 }, /minLength is violated.*12 > 11.*1 to 3 refreshes/],
    [
      { refreshes: 2, minLength: 4, maxLength: 5 },
      /No number of refreshes fits.*minLength ≤ 5 and maxLength ≥ 6/,
    ],
    [{ interval: 30 }, /minLength is violated/],
  ])('says which bound %j violates and what is feasible', (options, message) => {
    const plan = () => planRefreshes(distances, options);
    expect(plan).toThrowError(message);
    expect(plan).toThrowError(expect.objectContaining({ code: 'infeasible-schedule' }));
  });

  it.each([
    [{ interval: 0 }, /interval/],
    [{ interval: 2.5 }, /interval/],
    [{ refreshes: 0 }, /refreshes/],
    [{ refreshes: 3, minLength: 0 }, /minLength/],
    [{ refreshes: 3, minLength: 4, maxLength: 3 }, /maxLength/],
  ])('rejects %j', (options, message) => {
    expect(() => planRefreshes(distances, options)).toThrowError(message);
  });

  it('rejects groups longer than the window of the table', () => {
    const narrow = randomTable(11, seededRandom(2), 4);
    expect(() => planRefreshes(narrow, { interval: 3 })).toThrowError(/maxLength.*does not reach.*window, 4/);
    expect(planRefreshes(narrow, { refreshes: 4 }).maxLength).toBe(4);
  });

  it('rejects a table with a distance that is not a number', () => {
    const distance = randomTable(5, seededRandom(3)).distance;
    distance[3 * 5 + 1] = Number.NaN;
    expect(() => planRefreshes({ calls: 5, window: 5, distance }, { refreshes: 2 })).toThrowError(
      /call 3 to call 2.*NaN/,
    );
  });

  it('rejects a table of the wrong length', () => {
    const table = { calls: 5, window: 5, distance: new Float64Array(24) };
    expect(() => planRefreshes(table, { refreshes: 2 })).toThrowError(/25 values.*got 24/);
  });
});

describe('tables that would not fit into memory', () => {
  const rows = (calls: number) => Array.from({ length: calls }, (_, call) => [call]);

  it('featureDistances refuses 20,000 calls without a window, and takes them with one', () => {
    expect(() => featureDistances(rows(20_000))).toThrow(/too much memory.*at most 50000000.*20000 × 20000/);
    const distances = featureDistances(rows(20_000), { window: 40 });
    expect(planRefreshes(distances, { interval: 20 }).refreshCalls).toHaveLength(1000);
  });

  it('planRefreshes refuses too many refreshes of too many calls', () => {
    const distances = featureDistances(rows(20_000), { window: 4 });
    expect(() => planRefreshes(distances, { interval: 2 })).toThrow(/refreshes × calls.*too much memory/);
  });

  it('planRefreshes refuses what would take minutes', () => {
    const distances = featureDistances(rows(7000));
    expect(() => planRefreshes(distances, { refreshes: 3000 })).toThrow(/take too long/);
  });
});

describe('long plans', () => {
  const features = Array.from({ length: 600 }, (_, call) => Float32Array.of(call % 7, call % 11));
  const distances = featureDistances(features);

  it('planRefreshesInPieces has a piece for each million of comparisons or less', () => {
    const pieces = countPieces(planRefreshesInPieces(distances, { refreshes: 300 }));
    // Σ over k and end of the starts: refreshes · calls² / 2, less what cannot be reached.
    expect(pieces).toBeGreaterThan(15);
  });

  it('featureDistancesInPieces has a piece for each million of differences or less', () => {
    const long = Array.from({ length: 40 }, () => new Float32Array(20_000));
    expect(countPieces(featureDistancesInPieces(long))).toBeGreaterThanOrEqual(
      (40 * 39 * 20_000) / 2 / 1_100_000,
    );
  });

  it('are stopped by a signal between their pieces', async () => {
    const signal = stoppedAfter(5);
    const plan = finishUnlessAborted(planRefreshesInPieces(distances, { refreshes: 300 }), signal);
    await expect(plan).rejects.toMatchObject({ code: 'aborted' });
    expect(signal.asked).toBe(6);
  });

  it('give what they give in one piece', async () => {
    const options = { refreshes: 200 };
    const plan = await finishUnlessAborted(planRefreshesInPieces(distances, options), undefined);
    expect(plan).toEqual(planRefreshes(distances, options));
  });
});

function countPieces(computation: InPieces<unknown>): number {
  let pieces = 1;
  while (!computation.next().done) pieces += 1;
  return pieces;
}
