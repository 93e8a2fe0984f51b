import { z } from 'zod';
import { buildSampler } from './build-sampler.js';
import { conflictingFields } from './config.js';
import {
  anyPrediction,
  clipFields,
  noiseFields,
  rescaleField,
  spacingField,
  thresholdFields,
} from './config-fields.js';
import { defineSampler } from './definition.js';
import { linearCombination } from './linear-combination.js';
import { alphaBars, noiseLevel } from './noise-schedule.js';
import { cleanSample, predictedNoise } from './prediction.js';
import { limitSample } from './sample-limits.js';
import { spacedTimesteps } from './timestep-spacing.js';

/**
 * Deterministic DDIM (η = 0).
 * Source: Song et al., Denoising Diffusion Implicit Models, eq. 12, https://arxiv.org/abs/2010.02502.
 */
export const ddim = defineSampler({
  name: 'DDIMScheduler',
  shortNames: ['ddim'],
  schema: z.object({
    ...noiseFields,
    ...clipFields,
    ...thresholdFields,
    set_alpha_to_one: z.boolean().default(true),
    prediction_type: anyPrediction,
    timestep_spacing: spacingField.default('leading'),
    rescale_betas_zero_snr: rescaleField,
  }),
  create(config, { steps, images }) {
    const { num_train_timesteps: trainSteps, prediction_type: predictionType } = config;
    const bars = alphaBars(config);
    const timesteps = spacedTimesteps({
      steps,
      trainSteps,
      offset: config.steps_offset,
      spacing: config.timestep_spacing,
    });
    refuseNoiseFromPureNoise(predictionType, timesteps, bars);
    const finalAlphaBar = config.set_alpha_to_one ? 1 : bars[0]!;
    const stride = Math.floor(trainSteps / steps);

    return buildSampler({
      name: 'DDIMScheduler',
      steps,
      images,
      trainSteps,
      timesteps,
      predictionType,
      advance({ call, sample }, { prediction }) {
        const timestep = timesteps[call]!;
        const level = noiseLevel(bars[timestep]!);
        const next = noiseLevel(bars[timestep - stride] ?? finalAlphaBar);
        const clean = limitSample(cleanSample(predictionType, level, sample, prediction), config, images);
        const noise = predictedNoise(predictionType, level, sample, prediction);
        return { sample: linearCombination([next.signal, clean], [next.noise, noise]) };
      },
    });
  },
});

/**
 * Where nothing of the signal is left (zero terminal SNR), predicted noise says nothing about it.
 * @throws CacheQuantError `unsupported`
 */
export function refuseNoiseFromPureNoise(
  predictionType: string,
  timesteps: readonly number[],
  bars: Float32Array,
): void {
  if (predictionType === 'epsilon' && timesteps.some((timestep) => bars[timestep] === 0)) {
    throw conflictingFields(
      'prediction_type "epsilon" cannot start from a timestep without any signal (rescale_betas_zero_snr)',
      'Use prediction_type "v_prediction" if the model was trained so, or timestep_spacing "leading"',
    );
  }
}
