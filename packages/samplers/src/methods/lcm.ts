import { z } from 'zod';
import {
  anyPrediction,
  clipFields,
  distilledNoiseFields,
  rescaleField,
  spacingField,
  thresholdFields,
} from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { distilledTimesteps } from '../schedules/distilled-timesteps.js';
import { alphaBars, noiseLevel } from '../schedules/noise-schedule.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanSample } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';
import { refuseNoiseFromPureNoise } from './ddim.js';

/** Fields of the classes for models distilled in time; `timestep_spacing` and `steps_offset` change nothing there. */
export const distilledSchema = z.object({
  ...distilledNoiseFields,
  ...thresholdFields,
  clip_sample: z.boolean().default(false),
  clip_sample_range: clipFields.clip_sample_range,
  original_inference_steps: z.int().min(1).default(50),
  set_alpha_to_one: z.boolean().default(true),
  prediction_type: anyPrediction,
  timestep_spacing: spacingField.default('leading'),
  timestep_scaling: z.number().gt(0).default(10),
  rescale_betas_zero_snr: rescaleField,
});

/** Standard deviation of the data, for the boundary condition. */
const SIGMA_DATA = 0.5;

/**
 * Latent consistency models: every call predicts the clean sample, and new noise brings it back to the next level. It
 * draws in every call but the last.
 * Source: Luo et al., Latent Consistency Models, algorithm 3 and eq. 9, https://arxiv.org/abs/2310.04378.
 */
export const lcm = defineSampler({
  name: 'LCMScheduler',
  shortNames: ['lcm'],
  takes: ['timesteps'],
  schema: distilledSchema,
  create(config, layout) {
    const { images, steps } = layout;
    const bars = alphaBars(config);
    const timesteps = distilledTimesteps('LCMScheduler', config, layout);
    refuseNoiseFromPureNoise(config.prediction_type, timesteps, bars);

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      predictionType: config.prediction_type,
      stochastic: steps > 1,
      lookback: 0,
      levelAt: (call) => noiseLevel(bars[timesteps[call]!]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const level = noiseLevel(bars[timesteps[call]!]!);
        const predicted = cleanSample(config.prediction_type, level, sample, prediction);
        const limited = limitSample(predicted, config, images);
        const scaled = timesteps[call]! * config.timestep_scaling;
        const length = Math.hypot(scaled, SIGMA_DATA);
        const clean = linearCombination([scaled / length, limited], [(SIGMA_DATA / length) ** 2, sample]);
        if (call === steps - 1) return { sample: clean };
        const next = noiseLevel(bars[timesteps[call + 1]!]!);
        return { sample: linearCombination([next.signal, clean], [next.noise, drawNoise()]) };
      },
    };
  },
});
