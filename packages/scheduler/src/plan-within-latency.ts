import { CacheQuantError, requireInteger } from '@cachequant/tensor';
import { requireDuration } from './arguments.js';
import type { DistanceTable } from './distance-table.js';
import { paretoFront } from './pareto-front.js';
import type { LengthBounds } from './plan-bounds.js';
import type { RefreshPlan } from './plan-refreshes.js';

/** Measured times, all in milliseconds and of one trajectory at one batch size. */
export interface LatencyBudget {
  /** Time that all calls together may take. */
  budgetMs: number;
  /** One call of the whole network. */
  fullMs: number;
  /** One call that reuses the cache. */
  cachedMs: number;
}

/** A plan with the time that it is estimated to take. */
export interface LatencyPlan extends RefreshPlan {
  /** refreshes · fullMs + (calls − refreshes) · cachedMs */
  readonly estimatedMs: number;
}

/**
 * The cheapest schedule with the most refreshes that the time allows.
 *
 * @throws CacheQuantError `infeasible-schedule` when not even the fastest feasible schedule fits the budget
 */
export function planWithinLatency(
  distances: DistanceTable,
  options: LatencyBudget & LengthBounds,
): LatencyPlan {
  const feasible = paretoFront(distances, options);
  const refreshes = refreshesWithinLatency(distances.calls, {
    ...options,
    fewest: feasible[0]!.refreshes,
    most: feasible.at(-1)!.refreshes,
  });
  const plan = feasible.find((candidate) => candidate.refreshes === refreshes)!;
  return { ...plan, estimatedMs: estimateMs(distances.calls, refreshes, options) };
}

/**
 * The largest number of refreshes K with K · fullMs + (calls − K) · cachedMs ≤ budgetMs.
 *
 * @param options.fewest smallest number to consider, 1 by default
 * @param options.most largest number to consider, `calls` by default
 * @throws CacheQuantError `infeasible-schedule` when no number in that range fits the budget
 */
export function refreshesWithinLatency(
  calls: number,
  options: LatencyBudget & { fewest?: number; most?: number },
): number {
  const { fewest = 1, most = calls } = options;
  requireInteger('calls', calls, 1);
  requireInteger('most', most, 1, calls);
  requireInteger('fewest', fewest, 1, most);
  for (const name of ['budgetMs', 'fullMs', 'cachedMs'] as const) requireDuration(name, options[name]);

  for (let refreshes = most; refreshes >= fewest; refreshes--) {
    if (estimateMs(calls, refreshes, options) <= options.budgetMs) return refreshes;
  }
  const fastest = Math.min(estimateMs(calls, fewest, options), estimateMs(calls, most, options));
  throw new CacheQuantError('infeasible-schedule', 'no schedule is that fast', {
    where: 'budgetMs',
    expected: `at least ${fastest} ms, the fastest schedule of ${calls} calls`,
    got: `${options.budgetMs} ms`,
    hint: 'Raise the budget, sample with fewer steps, or cut the network so that a cached call is cheaper',
  });
}

function estimateMs(calls: number, refreshes: number, { fullMs, cachedMs }: LatencyBudget): number {
  return refreshes * fullMs + (calls - refreshes) * cachedMs;
}
