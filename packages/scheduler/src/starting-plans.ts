import { type CallCosts, type CallPlan, callPlanCost, callPlanOf, callPlanText } from './call-plan.js';
import { uniformSchedule } from './schedule.js';

/** Where a search begins. */
export interface StartingPlansRequest {
  readonly points: number;
  readonly costs: CallCosts;
  /** What a plan's calls may cost together. */
  readonly budget: number;
  /** Ways to choose the points of so many calls, ascending from 0; evenly spaced ones are tried in any case. */
  readonly spacings?: readonly ((calls: number) => readonly number[])[];
  /** Schedules of refreshes among all points, with which every point is called. */
  readonly schedules?: readonly (readonly number[])[];
}

/**
 * The plans that are known without a search: as many full calls as the budget allows (fewer steps), refreshes among all
 * points (a cache), and evenly spaced refreshes among fewer calls (both). None costs more than the budget.
 */
export function startingPlans({
  points,
  costs,
  budget,
  spacings = [],
  schedules = [],
}: StartingPlansRequest): CallPlan[] {
  const plans: CallPlan[] = schedules.map((refreshes) =>
    callPlanOf(points, [...Array(points).keys()], refreshes),
  );
  const even = (calls: number) => uniformSchedule(points, calls);
  for (const calls of callCounts(points, costs, budget)) {
    const refreshes = mostRefreshes(calls, costs, budget);
    if (refreshes < 1) continue;
    for (const spacing of [even, ...spacings]) {
      const kept = spacing(calls);
      plans.push(
        callPlanOf(
          points,
          kept,
          uniformSchedule(calls, refreshes).map((at) => kept[at]!),
        ),
      );
    }
  }
  const affordable = plans.filter((plan) => callPlanCost(plan, costs) <= budget);
  return [...new Map(affordable.map((plan) => [callPlanText(plan), plan])).values()];
}

/** From as many calls as can all be full to all points. */
function callCounts(points: number, { full }: CallCosts, budget: number): number[] {
  const fewest = Math.max(1, Math.min(points, Math.floor(budget / full)));
  const between = SHARES.map((share) => Math.round(fewest + share * (points - fewest)));
  return [...new Set([fewest, ...between, points])];
}

const SHARES = [0.1, 0.2, 0.35, 0.5, 0.7] as const;

function mostRefreshes(calls: number, { full, cached }: CallCosts, budget: number): number {
  if (calls * full <= budget) return calls;
  return Math.min(calls, Math.floor((budget - calls * cached) / (full - cached)));
}
