import { z } from 'zod';
import {
  anyPrediction,
  clipFields,
  latentNoiseFields,
  respacingFields,
  spacingField,
} from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { endpointCalls, placeOf } from '../schedules/two-call-grid.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';
import { clip } from '../solvers/sample-limits.js';

/**
 * Heun's method in σ: an Euler step, and the same again with the mean of the slopes at both of its ends. The last
 * step is Euler's.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, algorithm 1,
 * https://arxiv.org/abs/2206.00364.
 */
export const heun = defineSampler({
  name: 'HeunDiscreteScheduler',
  shortNames: ['heun'],
  takes: ['timesteps'],
  schema: z.object({
    ...latentNoiseFields,
    ...respacingFields,
    clip_sample: z.boolean().default(false),
    clip_sample_range: clipFields.clip_sample_range,
    beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2', 'exp']).default('linear'),
    prediction_type: anyPrediction,
    timestep_spacing: spacingField.default('linspace'),
  }),
  create(config, layout) {
    const grid = sigmaGrid(config, layout);
    const run = endpointCalls(grid);

    return {
      trainSteps: config.num_train_timesteps,
      ...run,
      initNoiseSigma: grid.initNoiseSigma,
      predictionType: config.prediction_type,
      lookback: 1,
      inputScale: (call) => unitVarianceScale(run.sigmas[call]!),
      levelAt: (call) => unscaledLevel(run.sigmas[call]!),
      advance({ call, sample, stages, anchor }, { prediction }) {
        const { step, isSecond } = placeOf(call);
        const sigma = run.sigmas[call]!;
        const predicted = cleanOfUnscaled(config.prediction_type, sigma, sample, prediction);
        const clean = config.clip_sample ? clip(predicted, config.clip_sample_range) : predicted;
        const slope = linearCombination([1 / sigma, sample], [-1 / sigma, clean]);
        const length = grid.sigmas[step + 1]! - grid.sigmas[step]!;
        if (call === run.timesteps.length - 1) return { sample: clean };
        if (!isSecond) {
          return { sample: linearCombination([1, sample], [length, slope]), stages: [slope], anchor: sample };
        }
        return { sample: linearCombination([1, anchor!], [length / 2, stages[0]!], [length / 2, slope]) };
      },
    };
  },
});
