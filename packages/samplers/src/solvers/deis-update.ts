import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { lagrangeBasis } from './lagrange-basis.js';
import { linearCombination, type Term } from './linear-combination.js';

/** One step of DEIS between two noise levels. */
export interface DeisStep {
  /** Predicted noise, the newest first; as many as the order. */
  readonly outputs: readonly Float32Array[];
  /** Noise levels at which it was predicted. */
  readonly levels: readonly NoiseLevel[];
  readonly target: NoiseLevel;
  readonly sample: Float32Array;
}

/**
 * x/α moves by ∫ ε dρ, with ρ = σ/α and ε a polynomial in ln ρ through the outputs.
 * Source: Zhang and Chen, DEIS, eq. 15 and appendix B.2, https://arxiv.org/abs/2204.13902.
 */
export function deisUpdate({ outputs, levels, target, sample }: DeisStep): Float32Array {
  const logs = levels.map(logRatio);
  const [from, to] = [logs[0]!, logRatio(target)];
  const weights = lagrangeBasis(logs).map(
    (polynomial) => integral(polynomial, to) - integral(polynomial, from),
  );
  return linearCombination(
    [target.signal / levels[0]!.signal, sample],
    ...outputs.map((output, age): Term => [target.signal * weights[age]!, output]),
  );
}

function logRatio({ signal, noise }: NoiseLevel): number {
  return Math.log(noise) - Math.log(signal);
}

/** An antiderivative of p(u)·e^u at u, where dρ = e^u du: e^u · (p − p′ + p″ − …). */
function integral(polynomial: readonly number[], u: number): number {
  if (u === Number.NEGATIVE_INFINITY) return 0;
  let derivative = polynomial;
  let sum = 0;
  for (let sign = 1; derivative.length > 0; sign = -sign) {
    sum += sign * derivative.reduceRight((value, coefficient) => value * u + coefficient, 0);
    derivative = derivative.slice(1).map((coefficient, power) => coefficient * (power + 1));
  }
  return Math.exp(u) * sum;
}
