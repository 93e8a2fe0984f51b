import { linspace } from './rounding.js';

/** The exponent that Karras et al. recommend. */
const RHO = 7;

/**
 * Noise levels that are equally spaced in σ^(1/ρ), ρ = 7, descending.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, eq. 5,
 * https://arxiv.org/abs/2206.00364.
 */
export function karrasSigmas(sigmaMax: number, sigmaMin: number, steps: number): number[] {
  const low = sigmaMin ** (1 / RHO);
  const high = sigmaMax ** (1 / RHO);
  return linspace(0, 1, steps).map((ramp) => (high + ramp * (low - high)) ** RHO);
}

/** Noise levels that are equally spaced in log σ, descending. */
export function exponentialSigmas(sigmaMax: number, sigmaMin: number, steps: number): number[] {
  return linspace(Math.log(sigmaMax), Math.log(sigmaMin), steps).map(Math.exp);
}

/** The noise level at a fractional timestep, linear between its neighbours and constant beyond the ends. */
export function sigmaAt(sigmas: Float32Array, timestep: number): number {
  const position = Math.min(Math.max(timestep, 0), sigmas.length - 1);
  const below = Math.min(Math.floor(position), Math.max(sigmas.length - 2, 0));
  const low = sigmas[below]!;
  const high = sigmas[below + 1] ?? low;
  return low + (high - low) * (position - below);
}

/**
 * The fractional timestep of each noise level: linear in log σ between neighbours, within the schedule.
 * @param trainSigmas ascending, one for every training timestep
 */
export function timestepsOf(sigmas: readonly number[], trainSigmas: Float32Array): number[] {
  const logs = trainSigmas.map(Math.log);
  return sigmas.map((sigma) => {
    const logSigma = Math.log(Math.max(sigma, 1e-10));
    const above = logs.findIndex((value) => value > logSigma);
    const upper = above < 0 ? logs.length - 1 : Math.max(above, 1);
    const low = logs[upper - 1]!;
    const weight = (low - logSigma) / (low - logs[upper]!);
    return upper - 1 + Math.min(Math.max(weight, 0), 1);
  });
}
