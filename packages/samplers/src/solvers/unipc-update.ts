import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { type Extrapolated, exponentialStep, phiFunctions } from './exponential-integrator.js';
import { linearCombination, type Term } from './linear-combination.js';
import { solveLinearSystem } from './linear-system.js';
import { halfLogSnr } from './log-snr.js';

/** One prediction or correction of UniPC. */
export interface UnipcStep {
  readonly of: Extrapolated;
  /** The function B(h), which matters in the lowest orders alone: h itself or e^h − 1. */
  readonly solverType: 'bh1' | 'bh2';
  readonly sample: Float32Array;
  /** Outputs before the target, the newest first; as many as the order. */
  readonly outputs: readonly Float32Array[];
  readonly levels: readonly NoiseLevel[];
  readonly target: NoiseLevel;
  /** The output at the target, with which a correction is made. */
  readonly arrived?: Float32Array;
}

/**
 * next = exponential step + scale · Σ w_k · (output_k − newest) / r_k, where r_k is the distance in λ in units of h and
 * the weights solve Σ w_k · r_k^(i−1) = h · φ_(i+1)(h) · i! for i = 1, 2, …
 * The lowest order of each kind has B(h)/2 for its one weight, as the authors set it.
 * Source: Zhao et al., UniPC, eq. 8 to 10, https://arxiv.org/abs/2302.04867.
 */
export function unipcUpdate(step: UnipcStep): Float32Array {
  const { outputs, levels, target, sample, arrived } = step;
  const from = levels[0]!;
  const base = exponentialStep(step.of, from, target);
  const distance = halfLogSnr(target) - halfLogSnr(from);
  const older = levels.slice(1).map((level) => (halfLogSnr(level) - halfLogSnr(from)) / distance);
  const ratios = arrived === undefined ? older : [...older, 1];
  const changed = arrived === undefined ? outputs.slice(1) : [...outputs.slice(1), arrived];
  const weights = changeWeights(step, base.h, ratios);
  const factors = weights.map((weight, k) => (base.scale * weight) / ratios[k]!);
  const newest = base.gain - factors.reduce((sum, factor) => sum + factor, 0);
  return linearCombination(
    [base.kept, sample],
    [newest, outputs[0]!],
    ...changed.map((output, k): Term => [factors[k]!, output]),
  );
}

function changeWeights({ solverType }: UnipcStep, h: number, ratios: readonly number[]): number[] {
  if (ratios.length === 0) return [];
  if (ratios.length === 1) return [(solverType === 'bh1' ? h : Math.expm1(h)) / 2];
  const phi = phiFunctions(h, ratios.length + 1);
  let factorial = 1;
  const right = ratios.map((_, i) => {
    factorial *= i + 1;
    return h * phi[i + 1]! * factorial;
  });
  return solveLinearSystem(
    ratios.map((_, i) => ratios.map((ratio) => ratio ** i)),
    right,
  );
}
