import { CacheQuantError, requireInteger } from '@cachequant/tensor';

/**
 * What is expected before any fit: `reuse` takes the last refresh as it is, `extrapolation` continues the
 * line through the last two refreshes in call index.
 */
export type ForecastPrior = 'reuse' | 'extrapolation';

/** The refreshes a call is forecast from. */
export interface Anchors {
  /** Last refresh at or before the call. */
  readonly current: number;
  /** The refresh before `current`; −1 when there is none, or it is not used. */
  readonly previous: number;
}

/** Coefficients of x̂_t = a0 · x_current + a1 · x_previous for a call. */
export function priorCoefficients(
  prior: ForecastPrior,
  { current, previous }: Anchors,
  call: number,
): [number, number] {
  if (prior === 'reuse' || previous < 0) return [1, 0];
  const reach = (call - current) / (current - previous);
  return [1 + reach, -reach];
}

/** Anchors of every call under a schedule. */
export function anchorsOfCalls(calls: number, refreshCalls: readonly number[], anchors: 1 | 2): Anchors[] {
  requireInteger('calls', calls, 1);
  requireSchedule(calls, refreshCalls);
  const result: Anchors[] = [];
  for (const [at, current] of refreshCalls.entries()) {
    const previous = anchors === 2 ? (refreshCalls[at - 1] ?? -1) : -1;
    const next = refreshCalls[at + 1] ?? calls;
    for (let call = current; call < next; call++) result.push({ current, previous });
  }
  return result;
}

function requireSchedule(calls: number, refreshCalls: readonly number[]): void {
  const valid = refreshCalls.every(
    (step, at) => Number.isInteger(step) && step > (refreshCalls[at - 1] ?? -1) && step < calls,
  );
  if (valid && refreshCalls[0] === 0) return;
  throw new CacheQuantError('invalid-argument', 'the refresh calls are not a schedule', {
    where: 'refreshCalls',
    expected: `strictly ascending call indices from 0 to at most ${calls - 1}, starting with 0`,
    got: `[${refreshCalls.join(', ')}]`,
  });
}
