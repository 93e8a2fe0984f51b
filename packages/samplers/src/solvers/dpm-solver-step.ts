import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { linearCombination, type Term } from './linear-combination.js';
import { halfLogSnr } from './log-snr.js';

export type DpmSolverType = 'midpoint' | 'heun';

/** What DPM-Solver++ needs to step from one noise level to another. */
export interface DpmTransition {
  readonly from: NoiseLevel;
  readonly target: NoiseLevel;
  readonly sample: Float32Array;
  /** Unit normal noise, for the stochastic variant. */
  readonly noise: Float32Array | undefined;
}

/** Integrals of e^(λ − λ_target) times a constant, a slope and half a curvature of the clean sample over the step. */
export interface DpmGains {
  /** λ of the target less λ of the start. */
  readonly h: number;
  readonly constant: number;
  readonly slope: number;
  readonly curvature: number;
}

/** Order 2 in its midpoint form takes half of the constant's gain for the slope's. */
export function slopeGain({ constant, slope }: DpmGains, solverType: DpmSolverType): number {
  return solverType === 'heun' ? slope : constant / 2;
}

/** The stochastic variant goes twice as far down, and back up by new noise. */
export function dpmGains({ from, target, noise }: DpmTransition): DpmGains {
  const h = halfLogSnr(target) - halfLogSnr(from);
  const reach = noise === undefined ? h : 2 * h;
  const constant = -Math.expm1(-reach);
  return { h, constant, slope: 1 - constant / reach, curvature: (constant - reach) / (reach * reach) + 0.5 };
}

/** Moves the sample, by the outputs with their weights. */
export function dpmTransition(
  { from, target, sample, noise }: DpmTransition,
  weighted: readonly Term[],
): Float32Array {
  const h = halfLogSnr(target) - halfLogSnr(from);
  const isStochastic = noise !== undefined;
  const decay = isStochastic ? Math.exp(-h) : 1;
  return linearCombination(
    [(target.noise / from.noise) * decay, sample],
    ...weighted.map(([weight, output]): Term => [target.signal * weight, output]),
    ...(isStochastic ? [[target.noise * Math.sqrt(-Math.expm1(-2 * h)), noise] satisfies Term] : []),
  );
}
