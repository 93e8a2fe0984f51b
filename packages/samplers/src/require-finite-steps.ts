import { CacheQuantError } from '@cachequant/tensor';
import type { Sampler } from './sampler.js';

/** Any values that no formula takes for a special case. */
const [NOISE, PREDICTION, DRAWN] = [0.5, 0.25, -0.75];

/**
 * Refuses a noise schedule that a sampler divides by zero at, such as one whose first step adds no noise: one number
 * through the whole run shows it, because every step multiplies by the same factors whatever the sample.
 * Complexity: O(calls).
 * @param images in one state
 * @throws CacheQuantError `invalid-argument`, with the first call that gives no number
 */
export function requireFiniteSteps(sampler: Sampler, images: number): void {
  const values = (value: number) => new Float32Array(images).fill(value);
  let state = sampler.start(values(NOISE));
  for (const [call, timestep] of sampler.timesteps.entries()) {
    const input = sampler.modelInput(state);
    state = sampler.step(state, values(PREDICTION), () => values(DRAWN));
    if ([...input, ...state.sample].every(Number.isFinite)) continue;
    throw new CacheQuantError('invalid-argument', `${sampler.name} gives no number at this noise schedule`, {
      where: `scheduler config, call ${call} (timestep ${timestep})`,
      expected: 'a noise level above 0 and below 1 at every timestep',
      got: `${state.sample[0]}`,
      hint: 'Look at beta_start, beta_end and trained_betas: a beta of 0 adds no noise. A run that ends without noise needs lower_order_final',
    });
  }
}
