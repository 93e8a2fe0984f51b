import { z } from 'zod';
import { noiseFields, noiseOrVelocity, rescaleField, spacingField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { ancestralSplit } from '../solvers/ancestral-split.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';

/**
 * Euler's method that goes below each noise level and adds new noise up to it; it draws in every call.
 * Source: Crowson, k-diffusion, sample_euler_ancestral, https://github.com/crowsonkb/k-diffusion.
 */
export const eulerAncestral = defineSampler({
  name: 'EulerAncestralDiscreteScheduler',
  shortNames: ['euler-ancestral', 'euler-a'],
  takes: ['timesteps'],
  schema: z.object({
    ...noiseFields,
    prediction_type: noiseOrVelocity,
    timestep_spacing: spacingField.default('linspace'),
    rescale_betas_zero_snr: rescaleField,
  }),
  create(config, layout) {
    const { prediction_type: predictionType } = config;
    const { timesteps, sigmas, initNoiseSigma } = sigmaGrid(config, layout);

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      sigmas,
      initNoiseSigma,
      predictionType,
      stochastic: true,
      lookback: 0,
      inputScale: (call) => unitVarianceScale(sigmas[call]!),
      levelAt: (call) => unscaledLevel(sigmas[call]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const sigma = sigmas[call]!;
        const clean = cleanOfUnscaled(predictionType, sigma, sample, prediction);
        const { up, down } = ancestralSplit(sigma, sigmas[call + 1]!);
        const kept = down / sigma;
        return { sample: linearCombination([kept, sample], [1 - kept, clean], [up, drawNoise()]) };
      },
    };
  },
});
