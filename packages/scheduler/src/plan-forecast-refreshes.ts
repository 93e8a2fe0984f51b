import { CacheQuantError, finish, type InPieces, requireInteger } from '@cachequant/tensor';
import { forecastCosts } from './forecast-costs.js';
import type { ForecastResiduals } from './forecast-residuals.js';
import { type PlanOptions, type ResolvedBounds, resolveBounds } from './plan-bounds.js';
import type { RefreshPlan } from './plan-refreshes.js';

/**
 * Chooses the calls at which the cache is refreshed when the calls between are forecast from the last *two*
 * refreshes, so that the summed residual is least.
 *
 * Exact dynamic programme over the state (previous refresh p, current refresh s) with group cost
 * C(p, s, n) = Σ_{t=s+1}^{n−1} residual(p, s, t); the first group has no p. Options as for `planRefreshes`.
 * Complexity, W = maxLength: O(K · calls · W²) time, O(calls · W · (W + K)) memory. Ties: shortest last group.
 * @throws CacheQuantError `infeasible-schedule` when K groups within the bounds cannot cover the calls, or only
 * with forbidden (infinite) residuals; `invalid-argument` for a residual that is NaN or negative
 */
export function planForecastRefreshes(residuals: ForecastResiduals, options: PlanOptions): RefreshPlan {
  return finish(planForecastRefreshesInPieces(residuals, options));
}

/** `planForecastRefreshes` for large plans, which take seconds: in pieces of some milliseconds. */
export function* planForecastRefreshesInPieces(
  residuals: ForecastResiduals,
  options: PlanOptions,
): InPieces<RefreshPlan> {
  const { calls, window } = residuals;
  requireInteger('residuals.calls', calls, 1);
  requireInteger('residuals.window', window, 1, calls);
  const bounds = resolveBounds(calls, window, options);
  const table = yield* forecastTable(residuals, bounds);
  const width = bounds.maxLength + 1;
  let lastLength = 0;
  for (let length = 1; length < width; length++) {
    if (table.best[calls * width + length]! < table.best[calls * width + lastLength]!) lastLength = length;
  }
  const cost = table.best[calls * width + lastLength]!;
  if (cost === Infinity) throw forbiddenEverywhere(bounds);
  return { refreshCalls: readBack(table, calls, lastLength, bounds), cost, ...bounds };
}

interface ForecastTable {
  /** Cost of the cheapest division into all K groups, by end and length of the last group, [calls + 1, width]. */
  readonly best: Float64Array;
  /** For every number of groups, the length of the group before the last, [K, calls + 1, width]. */
  readonly lengthBefore: Uint16Array;
}

/** Some milliseconds. */
const COMPARISONS_A_PIECE = 1_000_000;

function* forecastTable(residuals: ForecastResiduals, bounds: ResolvedBounds): InPieces<ForecastTable> {
  const { calls } = residuals;
  const { refreshes, minLength, maxLength } = bounds;
  const width = maxLength + 1;
  const layer = (calls + 1) * width;
  const { cost } = forecastCosts(residuals, bounds);
  const lengthBefore = new Uint16Array(refreshes * layer);
  let best = new Float64Array(layer).fill(Infinity);
  best[0] = 0;
  let compared = 0;
  for (let k = 1; k <= refreshes; k++) {
    const next = new Float64Array(layer).fill(Infinity);
    const lastEnd = Math.min(k * maxLength, calls);
    for (let end = k * minLength; end <= lastEnd; end++) {
      compared += width * width;
      if (compared > COMPARISONS_A_PIECE) {
        compared = 0;
        yield;
      }
      for (let length = minLength; length <= Math.min(maxLength, end); length++) {
        const start = end - length;
        const at = end * width + length;
        for (let back = 0; back < width; back++) {
          const sum = best[start * width + back]! + cost[(start * width + back) * width + length]!;
          if (sum < next[at]!) {
            next[at] = sum;
            lengthBefore[(k - 1) * layer + at] = back;
          }
        }
      }
    }
    best = next;
  }
  return { best, lengthBefore };
}

function readBack(table: ForecastTable, calls: number, lastLength: number, bounds: ResolvedBounds): number[] {
  const width = bounds.maxLength + 1;
  const layer = (calls + 1) * width;
  const steps = new Array<number>(bounds.refreshes);
  let end = calls;
  let length = lastLength;
  for (let k = bounds.refreshes - 1; k >= 0; k--) {
    const start = end - length;
    steps[k] = start;
    length = table.lengthBefore[k * layer + end * width + length]!;
    end = start;
  }
  return steps;
}

function forbiddenEverywhere({ refreshes, minLength, maxLength }: ResolvedBounds): CacheQuantError {
  return new CacheQuantError('infeasible-schedule', 'every schedule contains a forecast without a residual', {
    where: `${refreshes} refreshes, minLength ${minLength}, maxLength ${maxLength}`,
    expected: 'a schedule whose residuals are all finite',
    hint: 'Collect moments with a window of twice maxLength, raise refreshes, or lower minLength',
  });
}
