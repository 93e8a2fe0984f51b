import { describe, expect, it } from 'vitest';
import { featureDistances, weightDistances } from './distance-table.js';
import { groupCosts, scheduleCost } from './group-costs.js';
import { quadraticSchedule, refreshesFor, uniformSchedule } from './schedule.js';

describe('refreshesFor(rows, interval)', () => {
  it.each([
    [50, 5, 10],
    [51, 5, 11],
    [4, 9, 1],
  ])('%d rows, interval %d: %d', (rows, interval, refreshes) => {
    expect(refreshesFor(rows, interval)).toBe(refreshes);
  });
});

describe('uniformSchedule(calls, refreshes)', () => {
  it('places refresh k at floor(k · calls / refreshes)', () => {
    expect(uniformSchedule(10, 4)).toEqual([0, 2, 5, 7]);
    expect(uniformSchedule(5, 5)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('quadraticSchedule(calls, refreshes)', () => {
  it('is denser at the first calls', () => {
    expect(quadraticSchedule(50, 5)).toEqual([0, 2, 8, 18, 32]);
  });

  it('moves refreshes on that would fall on the same call', () => {
    expect(quadraticSchedule(10, 5)).toEqual([0, 1, 2, 3, 6]);
  });

  it('is strictly ascending from 0 and below the number of calls, for every size up to 40', () => {
    for (let calls = 1; calls <= 40; calls++) {
      for (let refreshes = 1; refreshes <= calls; refreshes++) {
        const steps = quadraticSchedule(calls, refreshes);
        expect(steps[0]).toBe(0);
        expect(steps.length).toBe(refreshes);
        expect(steps.every((step, k) => k === 0 || step > steps[k - 1]!)).toBe(true);
        expect(steps.at(-1)).toBeLessThan(calls);
      }
    }
  });

  it.each([
    [0, 1, /calls/],
    [5, 6, /refreshes.*in \[1, 5\], got 6/],
    [5, 1.5, /refreshes/],
  ])('rejects %d calls with %d refreshes, as uniformSchedule does', (calls, refreshes, message) => {
    expect(() => quadraticSchedule(calls, refreshes)).toThrowError(message);
    expect(() => uniformSchedule(calls, refreshes)).toThrowError(message);
  });
});

describe('featureDistances(features)', () => {
  const features = [
    [0, 0],
    [1, -1],
    [3, 1],
    [3, 5],
  ];

  it('sums absolute differences, by call and number of calls back', () => {
    expect([...featureDistances(features).distance]).toEqual([
      0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 4, 0, 0, 4, 8, 8,
    ]);
  });

  it('leaves out pairs outside the window', () => {
    expect([...featureDistances(features, { window: 2 }).distance]).toEqual([0, 0, 0, 2, 0, 4, 0, 4]);
  });

  it('names the call whose features differ in length or are not finite', () => {
    expect(() => featureDistances([[1, 2], [1]])).toThrowError(/features\[1\].*expected 2 values, got 1/);
    expect(() => featureDistances([[1], [Number.NaN]])).toThrowError(/call 1 to call 0.*NaN/);
    expect(() => featureDistances([])).toThrowError(/features.length/);
  });

  it('weightDistances multiplies every call by its weight', () => {
    const weighted = weightDistances(featureDistances(features, { window: 2 }), [1, 2, 0, 0.5]);
    expect([...weighted.distance]).toEqual([0, 0, 0, 4, 0, 0, 0, 2]);
    expect(() => weightDistances(weighted, [1])).toThrowError(/4 weights/);
    expect(() => weightDistances(weighted, [1, -1, 1, 1])).toThrowError(/call 1 to call 0.*got -4/);
  });

  it('groupCosts sums the distances of a group to its first call', () => {
    const { cost } = groupCosts(featureDistances(features, { window: 3 }));
    expect([...cost]).toEqual([0, 0, 2, 6, 0, 0, 4, 12, 0, 0, 4, Infinity, 0, 0, Infinity, Infinity]);
  });

  it('scheduleCost adds up the groups, and rejects what is no schedule', () => {
    const distances = featureDistances(features, { window: 3 });
    expect(scheduleCost(distances, [0, 1])).toBe(12);
    expect(scheduleCost(distances, [0, 3])).toBe(6);
    expect(() => scheduleCost(distances, [0])).toThrowError(/at most 3 calls.*got 4/);
    expect(() => scheduleCost(distances, [0, 2, 2])).toThrowError(/not a schedule.*\[0, 2, 2\]/);
    expect(() => scheduleCost(distances, [1, 2])).toThrowError(/starting with 0/);
    expect(() => scheduleCost(distances, [0, 4])).toThrowError(/at most 3, starting/);
  });
});
