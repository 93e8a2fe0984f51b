import { describe, expect, it } from 'vitest';
import { seededRandom } from './__fixtures__/brute-force.js';
import {
  CALL_ACTIONS,
  type CallAction,
  type CallCosts,
  type CallPlan,
  callPlanCost,
  callPlanOf,
  callPlanText,
} from './call-plan.js';
import { type CallSearchOptions, type CallSearchResult, searchCalls } from './search-calls.js';
import { startingPlans } from './starting-plans.js';

const COSTS: CallCosts = { full: 10, conditional: 5, cached: 1 };

/** Runs a search to its end, with what it asked for. */
function run(
  options: CallSearchOptions,
  score: (plan: CallPlan) => number,
): CallSearchResult & { asked: CallPlan[] } {
  const asked: CallPlan[] = [];
  const search = searchCalls(options);
  let step = search.next();
  while (!step.done) {
    asked.push(step.value.plan);
    expect(step.value.scored).toBe(asked.length - 1);
    step = search.next(score(step.value.plan));
  }
  return { ...step.value, asked };
}

function* allPlans(points: number, costs: CallCosts): Generator<CallPlan> {
  const actions = CALL_ACTIONS.filter(
    (action) => action !== 'conditional' || costs.conditional !== undefined,
  );
  function* from(plan: CallAction[]): Generator<CallPlan> {
    if (plan.length === points) yield plan;
    else for (const action of actions) yield* from([...plan, action]);
  }
  yield* from(['full']);
}

/** Every action is worth something at every point, and a cached call less, the farther its refresh is. */
function randomScore(points: number, seed: number): (plan: CallPlan) => number {
  const random = seededRandom(seed);
  const worth = Array.from({ length: points }, () => 1 + random());
  return (plan) => {
    let refresh = 0;
    return plan.reduce((sum, action, point) => {
      if (action === 'full' || action === 'conditional') refresh = point;
      const share = { skipped: 0, cached: 0.6 / (1 + point - refresh), conditional: 0.8, full: 1 }[action];
      return sum + share * worth[point]!;
    }, 0);
  };
}

describe('searchCalls(options)', () => {
  const points = 6;
  const starts = startingPlans({ points, costs: COSTS, budget: 27 });
  const options = { starts, costs: COSTS, budget: 27, evaluations: 400 };

  it('finds the best of all plans within the budget, by brute force, where it may try as many', () => {
    for (const costs of [COSTS, { full: 10, cached: 1 }, { full: 3, cached: 1, conditional: 2 }]) {
      for (let seed = 1; seed <= 6; seed++) {
        const budget = 2.7 * costs.full;
        const score = randomScore(points, seed);
        const affordable = [...allPlans(points, costs)].filter((plan) => callPlanCost(plan, costs) <= budget);
        const best = Math.max(...affordable.map(score));
        const begin = startingPlans({ points, costs, budget });
        const temperatures = [0.5, 0.3] as const;
        const found = run({ starts: begin, costs, budget, evaluations: 1000, temperatures, seed }, score);
        expect(found.score).toBeCloseTo(best, 10);
      }
    }
  });

  it('scores every start, and is never below the best of them', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const score = randomScore(points, seed);
      const { asked, ...found } = run({ ...options, evaluations: starts.length, seed }, score);
      expect(asked.map(callPlanText)).toEqual(starts.map(callPlanText));
      const best = Math.max(...starts.map(score));
      expect([found.score, found.start.score]).toEqual([best, best]);
      expect(run({ ...options, evaluations: 40, seed }, score).score).toBeGreaterThanOrEqual(best);
    }
  });

  it('asks for no plan twice, for none above the budget or forbidden, and for no more than it may', () => {
    const isAllowed = (plan: CallPlan) => plan.filter((action) => action === 'skipped').length <= 4;
    const { asked, scored } = run({ ...options, evaluations: 60, isAllowed }, randomScore(points, 2));
    expect(new Set(asked.map(callPlanText)).size).toBe(asked.length);
    expect(scored).toBe(asked.length);
    expect(asked.length).toBeLessThanOrEqual(60);
    expect(asked.every((plan) => callPlanCost(plan, COSTS) <= 27 && isAllowed(plan))).toBe(true);
    expect(asked.every(([first]) => first === 'full')).toBe(true);
  });

  it('goes the same way again with the same scores, and another one with another seed', () => {
    const score = randomScore(points, 4);
    const [first, again, other] = [7, 7, 8].map((seed) =>
      run({ ...options, evaluations: 50, seed }, score).asked.map(callPlanText),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('computes no half alone where that has no cost', () => {
    const { asked } = run({ ...options, costs: { full: 10, cached: 1 } }, randomScore(points, 1));
    expect(asked.some((plan) => plan.includes('conditional'))).toBe(false);
  });

  it('ends when nothing is left to try', () => {
    const one = callPlanOf(1, [0], [0]);
    expect(run({ ...options, starts: [one] }, () => 3)).toMatchObject({ scored: 1, score: 3, cost: 10 });
  });

  it('refuses to begin above the budget, with nothing, or with plans of different lengths', () => {
    const begin = (over: Partial<CallSearchOptions>) => () => searchCalls({ ...options, ...over }).next();
    const infeasible = expect.objectContaining({ code: 'infeasible-schedule' });
    expect(begin({ budget: 9 })).toThrow(infeasible);
    expect(begin({ starts: [] })).toThrow(infeasible);
    const invalid = expect.objectContaining({ code: 'invalid-argument' });
    expect(begin({ starts: [...starts, callPlanOf(3, [0], [0])] })).toThrow(invalid);
    expect(begin({ starts: [['cached', 'full']] })).toThrow(invalid);
    expect(begin({ evaluations: 0 })).toThrow(invalid);
  });
});

describe('startingPlans({ points, costs, budget })', () => {
  const text = (plans: readonly CallPlan[]) => plans.map(callPlanText);

  it('has fewer steps, a cache at every point, and both, none above the budget', () => {
    const plans = startingPlans({ points: 10, costs: { full: 10, cached: 1 }, budget: 50 });
    expect(text(plans)).toContain('F·F·F·F·F·');
    expect(plans.every((plan) => callPlanCost(plan, { full: 10, cached: 1 }) <= 50)).toBe(true);
    const most = plans.filter((plan) => !plan.includes('skipped'));
    expect(most.map((plan) => plan.filter((action) => action === 'full').length)).toEqual([4]);
  });

  it('takes spacings and schedules that are given, without doubles', () => {
    const request = { points: 4, costs: { full: 10, cached: 1 }, budget: 22 };
    const given = {
      spacings: [() => [0, 3]],
      schedules: [
        [0, 3],
        [0, 1, 2],
      ],
    };
    const plans = text(startingPlans({ ...request, ...given }));
    expect(plans).toContain('F··F');
    expect(plans).toContain('FccF');
    expect(plans).not.toContain('FFFc');
    expect(new Set(plans).size).toBe(plans.length);
  });

  it('is empty where the budget has no room for one full call', () => {
    expect(startingPlans({ points: 4, costs: { full: 10, cached: 1 }, budget: 9 })).toEqual([]);
  });
});
