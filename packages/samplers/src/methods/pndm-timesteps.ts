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
      hint: 'Use more steps, or set skip_prk_steps',
    });
  }
  const half = Math.floor(stride / 2);
  const stages = Array.from({ length: RUNGE_KUTTA_STEPS }, (_, step) => {
    const middle = base[step + 1]! + half;
    return [base[step]!, middle, middle, base[step + 1]!];
  });
  return [...stages.flat(), ...base.slice(RUNGE_KUTTA_STEPS)];
}

/** The first step is made twice, and its first output is the fourth last that the fifth call uses. */
export function plmsCalls(steps: number): { callsPerStep: number[]; lookback: number } {
  if (steps === 1) return { callsPerStep: [1], lookback: 0 };
  return { callsPerStep: [2, ...new Array<number>(steps - 1).fill(1)], lookback: 4 };
}

/** The first multistep call uses the output at the beginning of each Runge–Kutta step. */
export function rungeKuttaCalls(steps: number): { callsPerStep: number[]; lookback: number } {
  const rest = new Array<number>(steps - RUNGE_KUTTA_STEPS).fill(1);
  return {
    callsPerStep: [...new Array<number>(RUNGE_KUTTA_STEPS).fill(RUNGE_KUTTA_STAGES), ...rest],
    lookback: RUNGE_KUTTA_CALLS,
  };
}

/**
 * A run that begins in the middle has no Runge–Kutta steps to begin with; diffusers makes them of timesteps that do not
 * fit.
 * @throws CacheQuantError `unsupported` for any step but the first
 */
export function refuseMiddle(step: number): number {
  if (step === 0) return 0;
  throw new CacheQuantError('unsupported', 'Runge–Kutta steps cannot begin in the middle of a run', {
    where: 'PNDMScheduler',
    hint: 'Set skip_prk_steps, or take the sampler plms',
  });
}
