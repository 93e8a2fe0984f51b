import { CacheQuantError, requireInteger } from '@cachequant/tensor';
import { checkedSchedule } from './schedule.js';

/** What every call would cost when it is forecast from the last two refreshes. */
export interface ForecastResiduals {
  readonly calls: number;
  /** The longest group of calls that `residual` can be asked about. */
  readonly window: number;
  /**
   * Cost of `call` when `current` is the last refresh before it and `previous` the refresh before that, −1 for
   * none (then `current` is 0). ∞ forbids the combination.
   */
  residual(previous: number, current: number, call: number): number;
}

/**
 * Residuals in a table, [calls, window, window + 1] row-major: entry (t, t − s, s − p) belongs to call t with the
 * refreshes s and p, and s − p = 0 to s alone.
 */
export interface ForecastResidualTable {
  readonly calls: number;
  readonly window: number;
  readonly residual: Float64Array;
}

/**
 * Reads residuals from a table.
 *
 * @throws CacheQuantError `shape` when the table has the wrong length
 */
export function tabulatedResiduals(table: ForecastResidualTable): ForecastResiduals {
  const { calls, window, residual } = table;
  requireInteger('residuals.calls', calls, 1);
  requireInteger('residuals.window', window, 1, calls);
  const expected = calls * window * (window + 1);
  if (residual.length !== expected) {
    throw new CacheQuantError('shape', 'the array has the wrong length', {
      where: 'residuals.residual',
      expected: `calls × window × (window + 1) = ${expected} values`,
      got: String(residual.length),
    });
  }
  return {
    calls,
    window,
    residual(previous, current, call) {
      const back = previous < 0 ? 0 : current - previous;
      return residual[(call * window + call - current) * (window + 1) + back]!;
    },
  };
}

/**
 * The cost of a given schedule: the sum of the residuals of all calls that are no refresh.
 *
 * @param refreshCalls ascending call indices, the first is 0
 * @throws CacheQuantError `invalid-argument` when it is not a schedule, or has a group longer than the window
 */
export function forecastScheduleCost(residuals: ForecastResiduals, refreshCalls: readonly number[]): number {
  checkedSchedule(refreshCalls, residuals.calls);
  let sum = 0;
  for (const [at, current] of refreshCalls.entries()) {
    const next = refreshCalls[at + 1] ?? residuals.calls;
    if (next - current > residuals.window) {
      throw new CacheQuantError('invalid-argument', 'the residuals do not reach as far as this group', {
        where: `refreshCalls[${at}]`,
        expected: `at most ${residuals.window} calls until the next refresh`,
        got: String(next - current),
      });
    }
    for (let call = current + 1; call < next; call++) {
      sum += checkedResidual(residuals, refreshCalls[at - 1] ?? -1, current, call);
    }
  }
  return sum;
}

/** The residual, when it is a number ≥ 0 (∞ included). */
export function checkedResidual(
  residuals: ForecastResiduals,
  previous: number,
  current: number,
  call: number,
): number {
  const value = residuals.residual(previous, current, call);
  if (value >= 0) return value;
  throw new CacheQuantError('invalid-argument', 'a residual is not a number ≥ 0', {
    where: `call ${call} with refreshes ${current} and ${previous < 0 ? 'none' : previous}`,
    got: String(value),
  });
}
