import { CacheQuantError } from '@cachequant/tensor';

/**
 * What is done at a point of a sampler's path, cheapest first: nothing, so that the step before leads past it; a call
 * from cached features; a refresh that computes the conditional half of guidance alone; a refresh of both halves.
 */
export const CALL_ACTIONS = ['skipped', 'cached', 'conditional', 'full'] as const;
/** One of {@link CALL_ACTIONS}. */
export type CallAction = (typeof CALL_ACTIONS)[number];

/** One action for each point of the path, noisiest first. The first is `full`: the path begins there. */
export type CallPlan = readonly CallAction[];

/** What each kind of call takes, all in one unit, such as measured milliseconds. */
export interface CallCosts {
  readonly full: number;
  readonly cached: number;
  /** Left out: no refresh computes one half alone. */
  readonly conditional?: number | undefined;
}

/** Sum of the costs of a plan's calls. */
export function callPlanCost(plan: CallPlan, costs: CallCosts): number {
  return plan.reduce((sum, action) => sum + costOf(action, costs), 0);
}

function costOf(action: CallAction, costs: CallCosts): number {
  return action === 'skipped' ? 0 : (costs[action] ?? Number.POSITIVE_INFINITY);
}

/** A plan's letters: F full, H conditional half alone, c cached, · skipped. Equal plans have equal texts. */
export function callPlanText(plan: CallPlan): string {
  return plan.map((action) => LETTERS[action]).join('');
}

const LETTERS = { full: 'F', conditional: 'H', cached: 'c', skipped: '·' } as const;

/** The points of a plan at which a call is made. */
export function plannedCalls(plan: CallPlan): number[] {
  return [...plan.keys()].filter((point) => plan[point] !== 'skipped');
}

/** The points of a plan that refresh the cache, with both halves of guidance or with one. */
export function plannedRefreshes(plan: CallPlan): number[] {
  return [...plan.keys()].filter((point) => plan[point] === 'full' || plan[point] === 'conditional');
}

/**
 * A plan that makes calls at some points and refreshes at some of these.
 * @param calls ascending from 0
 * @param refreshes ascending from 0; all of them calls
 */
export function callPlanOf(points: number, calls: readonly number[], refreshes: readonly number[]): CallPlan {
  const plan = new Array<CallAction>(points).fill('skipped');
  for (const call of calls) plan[call] = 'cached';
  for (const call of refreshes) plan[call] = 'full';
  return checkedCallPlan(plan, points);
}

/** @throws CacheQuantError `invalid-argument` for a plan of another number of points, or that does not begin in full */
export function checkedCallPlan(plan: CallPlan, points: number): CallPlan {
  if (plan.length === points && plan[0] === 'full' && plan.every((action) => CALL_ACTIONS.includes(action))) {
    return plan;
  }
  throw new CacheQuantError('invalid-argument', 'the calls are not a plan', {
    where: 'plan',
    expected: `${points} actions, the first "full"`,
    got: `${plan.length} actions, the first ${JSON.stringify(plan[0])}`,
  });
}
