import type { NoiseLevel } from '../schedules/noise-schedule.js';

/**
 * λ = ln(α/σ), half the logarithm of the signal-to-noise ratio; ∞ where there is no noise.
 * Source: Kingma et al., Variational Diffusion Models, section 3.2, https://arxiv.org/abs/2107.00630.
 */
export function halfLogSnr({ signal, noise }: NoiseLevel): number {
  return Math.log(signal) - Math.log(noise);
}
