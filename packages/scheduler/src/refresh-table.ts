import { CacheQuantError, type InPieces } from '@cachequant/tensor';
import { requireModestTable } from './arguments.js';
import type { GroupCosts } from './group-costs.js';
import type { ResolvedBounds } from './plan-bounds.js';

/** Cheapest ways to cover the first n calls with k groups, for every n and every k up to `refreshes`. */
export interface RefreshTable {
  readonly calls: number;
  /** [refreshes + 1, calls + 1] row-major; ∞ where no division exists. */
  readonly best: Float64Array;
  /** Start of the last group of that cheapest way, same shape; −1 where there is none. */
  readonly lastStart: Int32Array;
}

/** Fills M[n][k] = min_j M[j][k−1] + D(j, n) within the length bounds; ties go to the smallest j. */
export function* refreshTable(costs: GroupCosts, bounds: ResolvedBounds): InPieces<RefreshTable> {
  const { calls } = costs;
  const { refreshes, minLength, maxLength } = bounds;
  const stride = calls + 1;
  requireModestTable(
    'refreshes × calls',
    refreshes + 1,
    stride,
    'Plan fewer refreshes, or fewer calls at a time',
  );
  requireModestWork(refreshes, calls, maxLength - minLength + 1);
  const best = new Float64Array((refreshes + 1) * stride).fill(Infinity);
  const lastStart = new Int32Array((refreshes + 1) * stride).fill(-1);
  best[0] = 0;
  let compared = 0;
  for (let k = 1; k <= refreshes; k++) {
    const lastEnd = Math.min(k * maxLength, calls);
    for (let end = k * minLength; end <= lastEnd; end++) {
      const at = k * stride + end;
      const firstStart = Math.max((k - 1) * minLength, end - maxLength);
      compared += end - minLength - firstStart;
      if (compared > COMPARISONS_A_PIECE) {
        compared = 0;
        yield;
      }
      for (let start = firstStart; start <= end - minLength; start++) {
        const cost = best[at - end - stride + start]! + costs.cost[start * (costs.window + 1) + end - start]!;
        if (cost < best[at]!) {
          best[at] = cost;
          lastStart[at] = start;
        }
      }
    }
  }
  return { calls, best, lastStart };
}

/** Some milliseconds. */
const COMPARISONS_A_PIECE = 1_000_000;

/** Comparisons of a plan: some ten seconds. */
const MOST_COMPARISONS = 5_000_000_000;

function requireModestWork(refreshes: number, calls: number, lengths: number): void {
  const comparisons = refreshes * calls * lengths;
  if (comparisons <= MOST_COMPARISONS) return;
  throw new CacheQuantError('invalid-argument', 'the plan would take too long', {
    where: 'refreshes × calls × (maxLength − minLength + 1)',
    expected: `at most ${MOST_COMPARISONS}`,
    got: String(comparisons),
    hint: 'Give an interval, which bounds the lengths, or a smaller maxLength',
  });
}

/** Cost of the cheapest schedule with that many refreshes; ∞ when there is none. */
export function tableCost({ best, calls }: RefreshTable, refreshes: number): number {
  return best[refreshes * (calls + 1) + calls]!;
}

/** The schedule behind `tableCost`, read backwards from the last call. */
export function tableSchedule({ lastStart, calls }: RefreshTable, refreshes: number): number[] {
  const steps = new Array<number>(refreshes);
  let end = calls;
  for (let k = refreshes; k >= 1; k--) {
    end = lastStart[k * (calls + 1) + end]!;
    steps[k - 1] = end;
  }
  return steps;
}
