import { createSampler } from '@cachequant/samplers';
import { describe, expect, it } from 'vitest';
import { chooseInterval } from './choose-interval.js';

const sampler = (steps: number) => createSampler({}, { sampler: 'euler', steps });
const open = { interval: undefined, refreshes: undefined };

describe('chooseInterval(recipe, sampler)', () => {
  it('is 5 from two refreshes on', () => {
    expect(chooseInterval(open, sampler(10))).toEqual({ interval: 5, warnings: [] });
    expect(chooseInterval(open, sampler(50))).toEqual({ interval: 5, warnings: [] });
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
