import { CacheQuantError } from '@cachequant/tensor';

/** Steps that are made by Runge–Kutta before the multistep method has enough history. */
const RUNGE_KUTTA_STEPS = 3;

/** Calls of a Runge–Kutta step: at its beginning, twice in the middle, and at its end. */
export const RUNGE_KUTTA_STAGES = 4;

export const RUNGE_KUTTA_CALLS = RUNGE_KUTTA_STEPS * RUNGE_KUTTA_STAGES;

/** One call a step, but the second timestep comes twice. */
export function plmsTimesteps(base: readonly number[]): number[] {
  return [...base.slice(0, 2), ...base.slice(1)];
}

/**
 * Three steps of four calls, then one call a step.
 * @throws CacheQuantError `invalid-argument` when there are not more than three steps
 */
export function rungeKuttaTimesteps(base: readonly number[], stride: number): number[] {
  if (base.length <= RUNGE_KUTTA_STEPS) {
    throw new CacheQuantError('invalid-argument', 'too few steps to begin with Runge–Kutta', {
      where: 'PNDMScheduler',
      expected: `at least ${RUNGE_KUTTA_STEPS + 1} steps`,
      got: String(base.length),
      hint: 'Take more steps, or set skip_prk_steps',
    });
  }
  const half = Math.floor(stride / 2);
  const stages = Array.from({ length: RUNGE_KUTTA_STEPS }, (_, step) => {
    const middle = base[step + 1]! + half;
    return [base[step]!, middle, middle, base[step + 1]!];
  });
  return [...stages.flat(), ...base.slice(RUNGE_KUTTA_STEPS)];
}
