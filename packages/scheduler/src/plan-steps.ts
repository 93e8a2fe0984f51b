import { CacheQuantError, finish, type InPieces, requireInteger } from '@cachequant/tensor';
import { resolveBounds } from './plan-bounds.js';
import { refreshTable, tableCost, tableSchedule } from './refresh-table.js';

/** What a single step of a sampler costs in accuracy, for every step from one point of its path to a later one. */
export interface StepErrors {
  /** Points of the path at which the network can be called; the path ends one point behind the last of them. */
  readonly points: number;
  /**
   * [points, points + 1] row-major: `error[i * (points + 1) + j]` is the error of the step from point i to point j > i,
   * where j = points is the end. Not negative; ∞ forbids a step. Entries with j ≤ i have no meaning.
   */
  readonly error: Float64Array;
}

/** The points that a sampler of few steps calls the network at, and the sum of its steps' errors. */
export interface StepPlan {
  /** Ascending, the first is 0. */
  readonly calls: number[];
  readonly error: number;
}

/**
 * Chooses the points of a path of many steps that a path of few steps keeps, so that the sum of the steps' errors is
 * least.
 *
 * Exact for that sum, by dynamic programming over (points, steps): O(steps · points²) time. Ties: earliest points.
 * Source: Pei et al., Optimal Stepsize for Diffusion Sampling, 2025, https://arxiv.org/abs/2503.21774. Differs: the
 * error of each step is given, measured from the teacher's own states, so that the sum is exact; there, a step goes on
 * from the state that the steps before it led to, which a table cannot hold, and the choice is greedy.
 * @throws CacheQuantError `infeasible-schedule` when forbidden steps leave no path of so many steps, `shape`,
 * `invalid-argument`
 */
export function planSteps(errors: StepErrors, options: { readonly steps: number }): StepPlan {
  return finish(planStepsInPieces(errors, options));
}

/** `planSteps` for long paths, in pieces of some milliseconds. */
export function* planStepsInPieces(
  errors: StepErrors,
  { steps }: { readonly steps: number },
): InPieces<StepPlan> {
  const { points } = checkedStepErrors(errors);
  requireInteger('steps', steps, 1, points);
  const bounds = resolveBounds(points, points, { refreshes: steps });
  const table = yield* refreshTable({ calls: points, window: points, cost: byLength(errors) }, bounds);
  const error = tableCost(table, steps);
  if (error < Infinity) return { calls: tableSchedule(table, steps), error };
  throw new CacheQuantError('infeasible-schedule', 'no path of so many steps is left', {
    where: `${steps} steps over ${points} points`,
    hint: 'Allow longer steps, or take more of them',
  });
}

/** The sum of the errors of the steps from call to call, and from the last one to the end. */
export function stepPlanError(errors: StepErrors, calls: readonly number[]): number {
  const { points, error } = checkedStepErrors(errors);
  return calls.reduce((sum, from, at) => sum + error[from * (points + 1) + (calls[at + 1] ?? points)]!, 0);
}

/** Costs of groups of calls are laid out by the group's length. */
function byLength({ points, error }: StepErrors): Float64Array {
  const width = points + 1;
  const cost = new Float64Array(points * width).fill(Infinity);
  for (let from = 0; from < points; from++) {
    for (let to = from + 1; to <= points; to++) cost[from * width + to - from] = error[from * width + to]!;
  }
  return cost;
}

function checkedStepErrors(errors: StepErrors): StepErrors {
  const { points, error } = errors;
  requireInteger('errors.points', points, 1);
  if (error.length !== points * (points + 1)) {
    throw new CacheQuantError('shape', 'the array has the wrong length', {
      where: 'errors.error',
      expected: `points × (points + 1) = ${points * (points + 1)} values`,
      got: String(error.length),
    });
  }
  const bad = error.findIndex(
    (value, at) => at % (points + 1) > Math.floor(at / (points + 1)) && !(value >= 0),
  );
  if (bad < 0) return errors;
  throw new CacheQuantError('invalid-argument', 'an error is not a number ≥ 0', {
    where: `the step from point ${Math.floor(bad / (points + 1))} to ${bad % (points + 1)}`,
    got: String(error[bad]),
  });
}
