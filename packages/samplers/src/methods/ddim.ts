import { z } from 'zod';
import { conflictingFields } from '../config.js';
import {
  anyPrediction,
  clipFields,
  noiseFields,
  rescaleField,
  spacingField,
  thresholdFields,
} from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { alphaBars, noiseLevel } from '../schedules/noise-schedule.js';
import { spacedTimesteps } from '../schedules/timestep-spacing.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanSample, predictedNoise } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';

/**
 * DDIM: to the predicted clean sample and back to the next level along the predicted noise, a share η of which is new;
 * it draws in every call where η is not 0.
 * Source: Song et al., Denoising Diffusion Implicit Models, eq. 12 and 16, https://arxiv.org/abs/2010.02502.
 */
export const ddim = defineSampler({
  name: 'DDIMScheduler',
  shortNames: ['ddim'],
  takes: ['eta'],
  schema: z.object({
    ...noiseFields,
    ...clipFields,
    ...thresholdFields,
    set_alpha_to_one: z.boolean().default(true),
    prediction_type: anyPrediction,
    timestep_spacing: spacingField.default('leading'),
    rescale_betas_zero_snr: rescaleField,
  }),
  create(config, { steps, images, eta = 0 }) {
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

    return {
      trainSteps,
      timesteps,
      predictionType,
      stochastic: eta > 0,
      lookback: 0,
      levelAt: (call) => noiseLevel(bars[timesteps[call]!]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const timestep = timesteps[call]!;
        const level = noiseLevel(bars[timestep]!);
        const next = noiseLevel(bars[timestep - stride] ?? finalAlphaBar);
        const clean = limitSample(cleanSample(predictionType, level, sample, prediction), config, images);
        const noise = predictedNoise(predictionType, level, sample, prediction);
        if (eta === 0) return { sample: linearCombination([next.signal, clean], [next.noise, noise]) };
        const variance = (1 - level.alphaBar / next.alphaBar) * (next.noise / level.noise) ** 2;
        const added = eta * Math.sqrt(variance);
        const kept = Math.sqrt(next.noise ** 2 - added ** 2);
        return { sample: linearCombination([next.signal, clean], [kept, noise], [added, drawNoise()]) };
      },
    };
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
