import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { type DpmSolverType, dpmGains, dpmTransition, slopeGain } from './dpm-solver-step.js';
import type { Term } from './linear-combination.js';
import { halfLogSnr } from './log-snr.js';

/** One multistep update of DPM-Solver++ between two noise levels. */
export interface DpmSolverStep {
  /** Predicted clean samples, the newest first; as many as the order of the step. */
  readonly outputs: readonly Float32Array[];
  /** Noise levels at which they were predicted, the newest first. */
  readonly levels: readonly NoiseLevel[];
  readonly target: NoiseLevel;
  readonly sample: Float32Array;
  readonly solverType: DpmSolverType;
  /** Unit normal noise, for the stochastic variant. */
  readonly noise?: Float32Array;
}

/** Weights of the outputs, the newest first. */
type Weights = readonly [number, number, number];

/**
 * DPM-Solver++ multistep update of order 1 to 3, and SDE-DPM-Solver++ of order 1 to 2.
 * Order 3 weighs the second difference as diffusers and the authors' code do, with half of what its Taylor
 * term asks for: the error is smaller than that of order 2, but falls no faster in the limit.
 * Source: Lu et al., DPM-Solver++, algorithm 2 and appendix B, https://arxiv.org/abs/2211.01095.
 */
export function dpmSolverUpdate(step: DpmSolverStep): Float32Array {
  const { levels, target, sample, noise } = step;
  const transition = { from: levels[0]!, target, sample, noise };
  const weights = outputWeights(step, dpmGains(transition));
  return dpmTransition(
    transition,
    step.outputs.map((output, age): Term => [weights[age]!, output]),
  );
}

function outputWeights(
  { levels, outputs, solverType }: DpmSolverStep,
  gains: ReturnType<typeof dpmGains>,
): Weights {
  const { h, constant, slope: slopeOfThird, curvature } = gains;
  if (outputs.length === 1) return [constant, 0, 0];

  const lambdas = levels.map(halfLogSnr);
  const r0 = (lambdas[0]! - lambdas[1]!) / h;
  const newest: Weights = [1 / r0, -1 / r0, 0];
  if (outputs.length === 2) {
    return combine([constant, [1, 0, 0]], [slopeGain(gains, solverType), newest]);
  }

  const r1 = (lambdas[1]! - lambdas[2]!) / h;
  const older: Weights = [0, 1 / r1, -1 / r1];
  const change = combine([1, newest], [-1, older]);
  const slope = combine([1, newest], [r0 / (r0 + r1), change]);
  return combine([constant, [1, 0, 0]], [slopeOfThird, slope], [curvature / (r0 + r1), change]);
}

function combine(...terms: readonly (readonly [number, Weights])[]): Weights {
  const sum = (index: 0 | 1 | 2) =>
    terms.reduce((total, [factor, weights]) => total + factor * weights[index], 0);
  return [sum(0), sum(1), sum(2)];
}
