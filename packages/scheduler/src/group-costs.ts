import { CacheQuantError } from '@cachequant/tensor';
import { checkedDistances, type DistanceTable } from './distance-table.js';
import { checkedSchedule } from './schedule.js';

/**
 * Cost of every group of calls that share the cache of its first call.
 *
 * `cost` is [calls, window + 1], row-major: `cost[j * (window + 1) + length]` is the sum of the distances of
 * the calls j … j + length − 1 to call j; ∞ where the group would run past the last call.
 */
export interface GroupCosts {
  readonly calls: number;
  readonly window: number;
  readonly cost: Float64Array;
}

/** Group costs D(j, n) = Σ_{i=j}^{n−1} d(j, i) as prefix sums over the distances. O(calls · window). */
export function groupCosts(distances: DistanceTable): GroupCosts {
  const { calls, window, distance } = checkedDistances(distances);
  const cost = new Float64Array(calls * (window + 1)).fill(Infinity);
  for (let j = 0; j < calls; j++) {
    const row = j * (window + 1);
    cost[row] = 0;
    for (let k = 0; k < window && j + k < calls; k++) {
      cost[row + k + 1] = cost[row + k]! + distance[(j + k) * window + k]!;
    }
  }
  return { calls, window, cost };
}

/**
 * The cost of a given schedule: the sum of the distances of every call to the last refresh before it.
 *
 * @param refreshCalls ascending call indices, the first is 0
 * @throws CacheQuantError `invalid-argument` when it is not a schedule, or when a group is longer than the
 * window of the table
 */
export function scheduleCost(distances: DistanceTable, refreshCalls: readonly number[]): number {
  const { calls, window, cost } = groupCosts(distances);
  checkedSchedule(refreshCalls, calls);
  let sum = 0;
  for (const [at, start] of refreshCalls.entries()) {
    const length = (refreshCalls[at + 1] ?? calls) - start;
    if (length > window) {
      throw new CacheQuantError('invalid-argument', 'the distances do not reach as far as this group', {
        where: `refreshCalls[${at}]`,
        expected: `at most ${window} calls until the next refresh`,
        got: String(length),
      });
    }
    sum += cost[start * (window + 1) + length]!;
  }
  return sum;
}
