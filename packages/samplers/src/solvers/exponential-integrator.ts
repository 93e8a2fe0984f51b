import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { halfLogSnr } from './log-snr.js';

/** What a multistep method extrapolates: the clean sample x0, or the noise ε. */
export type Extrapolated = 'clean' | 'noise';

/**
 * The part of an exponential integrator's step that is the same for all orders:
 * next = kept · sample + gain · newest + scale · (what the method adds for the change of the outputs).
 */
export interface ExponentialStep {
  /** Factor of the sample. */
  readonly kept: number;
  /** Factor of the newest output, as if outputs did not change. */
  readonly gain: number;
  /** −α of the target for clean samples, −σ for noise. */
  readonly scale: number;
  /** λ of the target less λ of the start, negated for clean samples: the argument of the φ functions. */
  readonly h: number;
}

/**
 * Variation of constants for the probability flow ODE, which is linear in the sample:
 * the linear part is solved exactly, and only the network's output is extrapolated.
 * Source: Lu et al., DPM-Solver, proposition 3.1, https://arxiv.org/abs/2206.00927 (noise); DPM-Solver++,
 * proposition 4.1, https://arxiv.org/abs/2211.01095 (clean samples).
 */
export function exponentialStep(of: Extrapolated, from: NoiseLevel, to: NoiseLevel): ExponentialStep {
  const step = halfLogSnr(to) - halfLogSnr(from);
  if (of === 'clean') {
    const kept = to.noise / from.noise;
    return { kept, gain: -to.signal * Math.expm1(-step), scale: -to.signal, h: -step };
  }
  const kept = to.signal / from.signal;
  // σ·(e^h − 1) without the overflow that a target without noise would bring.
  return { kept, gain: to.noise - kept * from.noise, scale: -to.noise, h: step };
}

/**
 * φ₁(h) = (e^h − 1)/h, φ₂(h) = (φ₁(h) − 1)/h, … as ∫₀¹ e^((1−s)h) s^(k−1)/(k−1)! ds.
 * @returns φ₁ to φ_count
 */
export function phiFunctions(h: number, count: number): number[] {
  const values = [h === 0 ? 1 : Math.expm1(h) / h];
  let factorial = 1;
  for (let k = 1; k < count; k++) {
    factorial *= k;
    values.push(Math.abs(h) < SMALL ? phiSeries(h, k + 1) : (values[k - 1]! - 1 / factorial) / h);
  }
  return values;
}

/** Below this the recurrence loses its digits, and few terms of the series are enough. */
const SMALL = 0.1;
const TERMS = 12;

/** Σ h^n / (n + k)! */
function phiSeries(h: number, k: number): number {
  let term = 1;
  for (let n = 2; n <= k; n++) term /= n;
  let sum = term;
  for (let n = 1; n < TERMS; n++) {
    term *= h / (n + k);
    sum += term;
  }
  return sum;
}
