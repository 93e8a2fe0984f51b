import { sigmaAt } from './sigma-spacing.js';
import { evenTimesteps, type SpacingOptions, spacedTimesteps } from './timestep-spacing.js';

/** Timesteps in float32, which `linspace` leaves fractional. */
export function eulerTimesteps(options: SpacingOptions): number[] {
  return options.spacing === 'linspace' ? evenTimesteps(options).map(Math.fround) : spacedTimesteps(options);
}

/** Noise levels at the timesteps. */
export function eulerSigmas(timesteps: readonly number[], trainSigmas: Float32Array): number[] {
  return timesteps.map((timestep) => sigmaAt(trainSigmas, timestep));
}

/** What unit noise is scaled by, so that the first sample has the variance of the noised data. */
export function eulerInitNoiseSigma(sigmas: readonly number[], spacing: SpacingOptions['spacing']): number {
  const max = Math.max(...sigmas);
  return spacing === 'leading' ? Math.fround(Math.sqrt(max * max + 1)) : max;
}

/** The factor that brings a sample x0 + σ·ε to unit variance. */
export function eulerInputScale(sigma: number): number {
  return 1 / Math.sqrt(sigma * sigma + 1);
}
