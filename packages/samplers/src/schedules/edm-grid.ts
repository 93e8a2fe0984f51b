import { exponentialSigmas, karrasSigmas } from './sigma-spacing.js';

export interface EdmConfig {
  readonly sigma_min: number;
  readonly sigma_max: number;
  readonly sigma_data: number;
  readonly sigma_schedule: 'karras' | 'exponential';
  readonly rho: number;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
}

/**
 * Noise levels of a run, the last included, and what the network is told of each: ln(σ)/4.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, table 1,
 * https://arxiv.org/abs/2206.00364.
 */
export function edmGrid(config: EdmConfig, steps: number) {
  const { sigma_max: max, sigma_min: min, rho } = config;
  const spaced =
    config.sigma_schedule === 'karras'
      ? karrasSigmas(max, min, steps, rho)
      : exponentialSigmas(max, min, steps);
  const sigmas = spaced.map(Math.fround);
  return {
    timesteps: sigmas.map((sigma) => 0.25 * Math.log(sigma)),
    sigmas: [...sigmas, config.final_sigmas_type === 'zero' ? 0 : sigmas.at(-1)!],
    initNoiseSigma: Math.sqrt(max * max + 1),
  };
}
