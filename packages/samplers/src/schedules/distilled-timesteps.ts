import { CacheQuantError } from '@cachequant/tensor';
import type { RunLayout } from '../run-layout.js';

/**
 * Timesteps among those that a model was distilled on: every k-th of training, at equal distances, the first the
 * noisiest.
 * Source: Luo et al., Latent Consistency Models, section 4.3, https://arxiv.org/abs/2310.04378.
 * @throws CacheQuantError `invalid-argument` for more steps than were distilled
 */
export function distilledTimesteps(
  name: string,
  { num_train_timesteps: trainSteps, original_inference_steps: original }: DistilledConfig,
  { steps, timesteps }: RunLayout,
): readonly number[] {
  if (timesteps !== undefined) return timesteps;
  if (original > trainSteps || steps > original) {
    throw new CacheQuantError('invalid-argument', `${steps} steps are more than the model was distilled on`, {
      where: name,
      expected: `at most original_inference_steps (${original}), and those at most num_train_timesteps (${trainSteps})`,
      got: String(steps),
      hint: 'Use fewer steps; models of this kind need 1 to 8',
    });
  }
  const stride = Math.floor(trainSteps / original);
  return Array.from(
    { length: steps },
    (_, i) => (original - Math.floor((i * original) / steps)) * stride - 1,
  );
}

export interface DistilledConfig {
  readonly num_train_timesteps: number;
  readonly original_inference_steps: number;
}
