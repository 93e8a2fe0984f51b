import { finish, type InPieces } from '@cachequant/tensor';
import type { DistanceTable } from './distance-table.js';
import { groupCosts } from './group-costs.js';
import { type PlanOptions, resolveBounds } from './plan-bounds.js';
import { refreshTable, tableCost, tableSchedule } from './refresh-table.js';

/** The calls that refresh the cache, and what the plan costs by the distances it was made from. */
export interface RefreshPlan {
  /** Calls at which the whole network runs: ascending, the first is 0. */
  readonly refreshCalls: number[];
  /** Sum over the calls of the distance (or residual) to what the cache gives them. */
  readonly cost: number;
  readonly refreshes: number;
  /** Length bounds that were applied, in calls. */
  readonly minLength: number;
  readonly maxLength: number;
}

/**
 * Chooses the calls at which the cache is refreshed, so that the summed distance of all calls to the refresh
 * they reuse is least.
 *
 * Exact dynamic programme over groups [j, n) with cost D(j, n) = Σ_{i=j}^{n−1} d(j, i). With an interval N,
 * K = ceil(calls / N) groups of ceil(N/2) to min(2N, calls) calls, as in the paper; `refreshes` overrides K.
 * With `refreshes` alone, groups of 1 to `distances.window` calls.
 * Complexity: O(K · calls · (maxLength − minLength)) time, O(K · calls) memory. Ties: earliest refresh.
 * Source: CacheQuant, Liu et al. 2025, "dynamic programming schedule", eq. 4
 * (https://arxiv.org/abs/2503.01323). Differs: distances are computed once and summed as prefixes; 2N may
 * exceed the number of calls; unreachable states are infinite instead of zero.
 * @throws CacheQuantError `infeasible-schedule` when K groups within the bounds cannot cover the calls,
 * `invalid-argument` or `shape` for a malformed table or option
 * @example planRefreshes(featureDistances(features), { interval: 5 }).refreshCalls
 */
export function planRefreshes(distances: DistanceTable, options: PlanOptions): RefreshPlan {
  return finish(planRefreshesInPieces(distances, options));
}

/**
 * `planRefreshes` for large plans, which take seconds: in pieces of some milliseconds.
 * @example await finishUnlessAborted(planRefreshesInPieces(distances, { refreshes: 500 }), signal)
 */
export function* planRefreshesInPieces(
  distances: DistanceTable,
  options: PlanOptions,
): InPieces<RefreshPlan> {
  const costs = groupCosts(distances);
  const bounds = resolveBounds(costs.calls, costs.window, options);
  const table = yield* refreshTable(costs, bounds);
  return {
    refreshCalls: tableSchedule(table, bounds.refreshes),
    cost: tableCost(table, bounds.refreshes),
    ...bounds,
  };
}
