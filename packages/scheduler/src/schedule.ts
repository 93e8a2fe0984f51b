import { CacheQuantError, requireInteger } from '@cachequant/tensor';

/** Returns the schedule when it is strictly ascending from 0 and stays below `calls`. */
export function checkedSchedule(refreshCalls: readonly number[], calls: number): readonly number[] {
  const ascending = refreshCalls.every((step, at) => step > (refreshCalls[at - 1] ?? -1));
  const inside = refreshCalls.every((step) => Number.isInteger(step) && step < calls);
  if (refreshCalls[0] === 0 && ascending && inside) return refreshCalls;
  throw new CacheQuantError('invalid-argument', 'the refresh calls are not a schedule', {
    where: 'refreshCalls',
    expected: `strictly ascending call indices from 0 to at most ${calls - 1}, starting with 0`,
    got: `[${refreshCalls.join(', ')}]`,
  });
}

/** Refreshes for a nominal interval: ceil(rows / interval), where rows are sampler steps or calls. */
export function refreshesFor(rows: number, interval: number): number {
  requireInteger('rows', rows, 1);
  requireInteger('interval', interval, 1);
  return Math.ceil(rows / interval);
}

/** Refresh k at call floor(k · calls / refreshes): groups that differ by at most one call. */
export function uniformSchedule(calls: number, refreshes: number): number[] {
  requireInteger('calls', calls, 1);
  requireInteger('refreshes', refreshes, 1, calls);
  return Array.from({ length: refreshes }, (_, k) => Math.floor((k * calls) / refreshes));
}

/**
 * Refresh k at call floor(calls · (k / refreshes)²): dense at the first, noisiest calls, sparse at the end.
 *
 * Where two would fall on the same call, the later one moves on to the next call.
 * Source: non-uniform 1:N inference of DeepCache (https://arxiv.org/abs/2312.00858), without its shift
 * towards a centre step.
 */
export function quadraticSchedule(calls: number, refreshes: number): number[] {
  requireInteger('calls', calls, 1);
  requireInteger('refreshes', refreshes, 1, calls);
  const steps: number[] = [];
  for (let k = 0; k < refreshes; k++) {
    const ideal = Math.floor((calls * k * k) / (refreshes * refreshes));
    steps.push(Math.max(ideal, (steps.at(-1) ?? -1) + 1));
  }
  return steps;
}
