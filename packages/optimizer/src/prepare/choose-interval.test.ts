import { createSampler } from '@cachequant/samplers';
import { describe, expect, it } from 'vitest';
import { chooseInterval } from './choose-interval.js';

const sampler = (steps: number) => createSampler({}, { sampler: 'euler', steps });
const open = { interval: undefined, refreshes: undefined };

describe('chooseInterval(recipe, sampler)', () => {
  it.each([
    [10, 2],
    [20, 2],
    [25, 3],
    [30, 3],
    [50, 5],
    [250, 5],
  ])('gives %d calls an interval of %d', (steps, interval) => {
    expect(chooseInterval(open, sampler(steps))).toEqual({ interval, warnings: [] });
  });

  it.each([
    [1, /makes 1 network call, [^;]*$/],
    [4, /makes 4 network calls, .*--interval 2 tries one/],
    [9, /makes 9 network calls/],
  ])('leaves out the cache at %d calls, and says why', (steps, why) => {
    const { interval, warnings } = chooseInterval(open, sampler(steps));
    expect(interval).toBe(1);
    expect(warnings.join()).toMatch(why);
  });

  it('takes what was asked for, feasible or not', () => {
    expect(chooseInterval({ ...open, interval: 2 }, sampler(4))).toEqual({ interval: 2, warnings: [] });
    expect(chooseInterval({ ...open, refreshes: 2 }, sampler(4))).toEqual({ interval: 5, warnings: [] });
  });
});
