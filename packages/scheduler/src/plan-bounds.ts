import { CacheQuantError, requireInteger } from '@cachequant/tensor';
import { refreshesFor } from './schedule.js';

/** Limits of the number of calls from one refresh to the next (or to the end). */
export interface LengthBounds {
  /** Shortest group, in calls; by default ceil(interval / 2), or 1 without an interval. */
  minLength?: number;
  /** Longest group, in calls; by default min(2 · interval, calls), or all that the table covers. */
  maxLength?: number;
}

/** How many refreshes to plan; with both, the length bounds come from `interval` and the number from `refreshes`. */
export type PlanOptions = LengthBounds &
  (
    | {
        /** Nominal calls per refresh, N; plans ceil(calls / N) refreshes. */
        interval: number;
        refreshes?: number;
      }
    | {
        interval?: undefined;
        /** Exact number of refreshes, K. */
        refreshes: number;
      }
  );

export interface ResolvedBounds {
  readonly refreshes: number;
  readonly minLength: number;
  readonly maxLength: number;
}

/** Length bounds in calls, checked against what the table covers (`window` calls from a refresh on). */
export function resolveLengths(
  calls: number,
  window: number,
  options: LengthBounds & { interval?: number | undefined },
): { minLength: number; maxLength: number } {
  const { interval } = options;
  if (interval !== undefined) requireInteger('interval', interval, 1);
  const byDefault = interval === undefined ? [1, window] : [Math.ceil(interval / 2), 2 * interval];
  const minLength = options.minLength ?? byDefault[0]!;
  requireInteger('minLength', minLength, 1);
  const wanted = options.maxLength ?? byDefault[1]!;
  requireInteger('maxLength', wanted, minLength);
  const maxLength = Math.min(wanted, calls);
  if (maxLength > window) {
    throw new CacheQuantError('invalid-argument', 'the table does not reach that far', {
      where: 'maxLength',
      expected: `at most the table's window, ${window} calls`,
      got: String(maxLength),
      hint: `Fill the table with a window of ${maxLength} or more, or pass maxLength: ${window}`,
    });
  }
  return { minLength, maxLength };
}

/** Number of refreshes and length bounds of a plan; throws `infeasible-schedule` when nothing fits them. */
export function resolveBounds(calls: number, window: number, options: PlanOptions): ResolvedBounds {
  if (options.interval === undefined && options.refreshes === undefined) {
    throw new CacheQuantError('invalid-argument', 'neither interval nor refreshes is given', {
      where: 'options',
      expected: 'interval, refreshes, or both',
    });
  }
  const lengths = resolveLengths(calls, window, options);
  const refreshes = options.refreshes ?? refreshesFor(calls, options.interval!);
  requireInteger('refreshes', refreshes, 1);
  requireFeasible(calls, { refreshes, ...lengths });
  return { refreshes, ...lengths };
}

function requireFeasible(calls: number, { refreshes, minLength, maxLength }: ResolvedBounds): void {
  const tooLong = refreshes * minLength > calls;
  const tooShort = refreshes * maxLength < calls;
  if (!tooLong && !tooShort) return;
  const fewest = Math.ceil(calls / maxLength);
  const most = Math.floor(calls / minLength);
  throw new CacheQuantError('infeasible-schedule', violation(calls, refreshes, tooLong), {
    where: `${refreshes} refreshes, minLength ${minLength}, maxLength ${maxLength}`,
    expected: `minLength · refreshes ≤ ${calls} ≤ maxLength · refreshes`,
    got: tooLong ? `${minLength * refreshes} > ${calls}` : `${maxLength * refreshes} < ${calls}`,
    hint: feasibleHint(calls, refreshes, fewest, most),
  });
}

function violation(calls: number, refreshes: number, tooLong: boolean): string {
  return tooLong
    ? `minLength is violated: ${refreshes} groups of that length do not fit into ${calls} calls`
    : `maxLength is violated: ${refreshes} groups of that length do not cover ${calls} calls`;
}

function feasibleHint(calls: number, refreshes: number, fewest: number, most: number): string {
  if (fewest <= most) return `With these bounds, ${fewest} to ${most} refreshes are feasible`;
  const average = calls / refreshes;
  if (average < 1) return `There can be at most ${calls} refreshes, one per call`;
  return `No number of refreshes fits these bounds; ${refreshes} refreshes need minLength ≤ ${Math.floor(average)} and maxLength ≥ ${Math.ceil(average)}`;
}
