import { createSampler } from '@cachequant/samplers';
import { describe, expect, it } from 'vitest';
import { servedCalls } from './calibrated-calls.js';

const SAMPLERS = ['plms', 'ddim', 'dpm-solver++', 'euler'];
const timestepsOf = (steps: number, sampler = 'plms') => createSampler({}, { steps, sampler }).timesteps;
const everyFifth = (calls: number) => Array.from({ length: Math.ceil(calls / 5) }, (_, i) => 5 * i);
/** Unevenly spaced, with two calls in a row. */
const UNEVEN = [0, 2, 3, 9, 17, 30, 44];

describe('servedCalls(timesteps, run)', () => {
  it.each(SAMPLERS)('serves the calibrated steps of %s one by one, with their very schedule', (sampler) => {
    const timesteps = timestepsOf(50, sampler);
    const served = servedCalls(timestepsOf(50, sampler), { timesteps, refreshCalls: UNEVEN });
    expect(served).toEqual({
      calibrated: timesteps.map((_, call) => call),
      refreshCalls: UNEVEN,
      conditionalRefreshes: [],
    });
  });

  it('goes on in step where a timestep comes twice, as the second one of PLMS does', () => {
    const timesteps = [981, 961, 961, 941, 921, 901, 881];
    const run = { timesteps, refreshCalls: [0, 2, 5] };
    expect(servedCalls([961, 921, 921, 881], run)).toEqual({
      calibrated: [1, 4, 4, 6],
      refreshCalls: [0, 1, 3],
      conditionalRefreshes: [],
    });
    const twice = [991, 981, 981, 971, 961, 951, 941, 931, 921, 911, 901];
    expect(servedCalls(twice, run)).toEqual({
      calibrated: [0, 0, 0, 1, 2, 3, 3, 4, 4, 5, 5],
      refreshCalls: [0, 4, 9],
      conditionalRefreshes: [],
    });
  });

  it.each(
    SAMPLERS.flatMap((sampler) => [2, 7, 20, 25, 51, 70, 100, 200].map((steps) => [sampler, steps] as const)),
  )(
    'takes the nearest call that does not go back, and refreshes as it passes one: %s, %i steps',
    (sampler, steps) => {
      const timesteps = timestepsOf(50, sampler);
      const other = timestepsOf(steps, sampler);
      for (const refreshes of [everyFifth(timesteps.length), UNEVEN, [0]]) {
        const { calibrated, refreshCalls } = servedCalls(other, { timesteps, refreshCalls: refreshes });
        expect(calibrated).toHaveLength(other.length);
        for (const [call, timestep] of other.entries()) {
          const before = calibrated[call - 1] ?? 0;
          const distances = timesteps.slice(before).map((each) => Math.abs(each - timestep));
          expect(Math.abs(timesteps[calibrated[call]!]! - timestep)).toBe(Math.min(...distances));
          expect(calibrated[call]).toBeGreaterThanOrEqual(before);
          const passes = refreshes.filter((step) => step > before && step <= calibrated[call]!);
          expect(refreshCalls.includes(call), `call ${call}`).toBe(call === 0 || passes.length > 0);
        }
      }
    },
  );

  it.each([25, 20, 10])(
    'refreshes no more often with fewer steps, and just as often with more: %i and twice the steps',
    (steps) => {
      const timesteps = timestepsOf(50);
      const run = { timesteps, refreshCalls: everyFifth(timesteps.length) };
      expect(servedCalls(timestepsOf(steps), run).refreshCalls.length).toBeLessThanOrEqual(11);
      expect(servedCalls(timestepsOf(100), run).refreshCalls).toHaveLength(11);
      expect(servedCalls(timestepsOf(100), run).calibrated.at(-1)).toBe(50);
    },
  );

  it('computes one half alone where all the refreshes that a call passes do, and never at the first call', () => {
    const timesteps = [90, 80, 70, 60, 50, 40, 30, 20, 10, 0];
    const run = { timesteps, refreshCalls: [0, 2, 3, 5, 7], conditionalRefreshes: [3, 5, 7] };
    expect(servedCalls(timesteps, run).conditionalRefreshes).toEqual([3, 5, 7]);
    // The second call passes refreshes of both kinds, the third one of one half, the last one two of them.
    expect(servedCalls([90, 60, 50, 40, 20], run)).toEqual({
      calibrated: [0, 3, 4, 5, 7],
      refreshCalls: [0, 1, 3, 4],
      conditionalRefreshes: [3, 4],
    });
    expect(servedCalls([60, 20], run)).toEqual({
      calibrated: [3, 7],
      refreshCalls: [0, 1],
      conditionalRefreshes: [1],
    });
  });

  it('refreshes at every call where every calibrated call does', () => {
    const timesteps = timestepsOf(50);
    const run = { timesteps, refreshCalls: timesteps.map((_, call) => call) };
    expect(servedCalls(timestepsOf(100), run).refreshCalls).toHaveLength(101);
    expect(servedCalls(timestepsOf(25), run).refreshCalls).toHaveLength(26);
  });
});
