import { betaQuantile } from './beta-quantile.js';
import { linspace } from './rounding.js';

/** The exponent that Karras et al. recommend. */
const RHO = 7;

/**
 * Noise levels that are equally spaced in σ^(1/ρ), descending.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, eq. 5,
 * https://arxiv.org/abs/2206.00364.
 */
export function karrasSigmas(sigmaMax: number, sigmaMin: number, steps: number, rho = RHO): number[] {
  return linspace(0, 1, steps).map((ramp) => karrasSigma(sigmaMax, sigmaMin, ramp, rho));
}

/** The noise level at a share of the way, from `sigmaMax` at 0 to `sigmaMin` at 1. */
export function karrasSigma(sigmaMax: number, sigmaMin: number, ramp: number, rho = RHO): number {
  const low = sigmaMin ** (1 / rho);
  const high = sigmaMax ** (1 / rho);
  return (high + ramp * (low - high)) ** rho;
}

/**
 * Noise levels that are equally spaced in log σ, descending; also what `use_lu_lambdas` means.
 * Source: Lu et al., DPM-Solver, section 3.3, https://arxiv.org/abs/2206.00927.
 */
export function exponentialSigmas(sigmaMax: number, sigmaMin: number, steps: number): number[] {
  return linspace(Math.log(sigmaMax), Math.log(sigmaMin), steps).map(Math.exp);
}

/**
 * Noise levels at the quantiles of a beta distribution, dense at both ends, descending.
 * Source: Lee et al., Beta Sampling is All You Need, section 3.2, https://arxiv.org/abs/2407.12173.
 */
export function betaSigmas(sigmaMax: number, sigmaMin: number, steps: number): number[] {
  return linspace(0, 1, steps).map((ramp) => sigmaMin + betaQuantile(1 - ramp) * (sigmaMax - sigmaMin));
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
    if (low === Number.NEGATIVE_INFINITY) return sigma > 0 ? upper : upper - 1;
    const weight = (low - logSigma) / (low - logs[upper]!);
    return upper - 1 + Math.min(Math.max(weight, 0), 1);
  });
}
