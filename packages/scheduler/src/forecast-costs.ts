import { CacheQuantError } from '@cachequant/tensor';
import { checkedResidual, type ForecastResiduals } from './forecast-residuals.js';
import type { ResolvedBounds } from './plan-bounds.js';

/** Group costs C(p, s, n) = Σ_{t=s+1}^{n−1} residual(p, s, t), by s, s − p (0 for no p) and n − s. */
export interface ForecastCosts {
  readonly calls: number;
  /** [calls, width, width] row-major, width = maxLength + 1; ∞ where no plan comes. */
  readonly cost: Float64Array;
}

/** 400 MB of float64. */
const MAX_COSTS = 50_000_000;

/** Sums the residuals of every group that a plan within the bounds can contain. O(calls · maxLength²). */
export function forecastCosts(residuals: ForecastResiduals, bounds: ResolvedBounds): ForecastCosts {
  const { calls } = residuals;
  const { minLength, maxLength } = bounds;
  const width = maxLength + 1;
  requireAffordable(calls, maxLength);
  const cost = new Float64Array(calls * width * width).fill(Infinity);
  for (let current = 0; current < calls; current++) {
    const backs = current === 0 ? [0] : range(minLength, Math.min(maxLength, current));
    for (const back of backs) {
      const previous = back === 0 ? -1 : current - back;
      const row = (current * width + back) * width;
      cost[row + 1] = 0;
      for (let length = 2; length <= maxLength && current + length <= calls; length++) {
        const last = current + length - 1;
        cost[row + length] = cost[row + length - 1]! + checkedResidual(residuals, previous, current, last);
      }
    }
  }
  return { calls, cost };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, at) => first + at);
}

function requireAffordable(calls: number, maxLength: number): void {
  const size = calls * (maxLength + 1) ** 2;
  if (size <= MAX_COSTS) return;
  throw new CacheQuantError('invalid-argument', 'the plan would need too much memory', {
    where: 'maxLength',
    expected: `calls × (maxLength + 1)² ≤ ${MAX_COSTS}`,
    got: String(size),
    hint: `With ${calls} calls, maxLength can be at most ${Math.floor(Math.sqrt(MAX_COSTS / calls)) - 1}`,
  });
}
