import { expect, it } from 'vitest';
import { loopOf, readSearchedPlans } from './searched-plans.js';

it('loopOf numbers the calls that are made', () => {
  expect(loopOf('F··c·H·cF')).toEqual({
    loop: { sampler: 'dpmsolver++', steps: 5 },
    refreshCalls: [0, 2, 4],
    conditionalRefreshes: [2],
  });
});

it.each([true, false])(
  'readSearchedPlans has a plan for each interval, with VNNI: %s',
  async (int8FullRange) => {
    const plans = await readSearchedPlans(int8FullRange);
    expect(plans.map(({ interval }) => interval)).toEqual([5, 10]);
    for (const { loop, refreshCalls } of plans) {
      expect(refreshCalls[0]).toBe(0);
      expect(refreshCalls.length).toBeLessThan(loop.steps);
    }
  },
);
