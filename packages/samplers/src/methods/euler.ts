import { z } from 'zod';
import {
  anyPrediction,
  finalSigmaField,
  noiseFields,
  rescaleField,
  respacingFields,
  sigmaBoundField,
  spacingField,
} from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';

/**
 * Euler's method on the probability flow ODE in σ, without churn. With continuous timesteps and v_prediction the
 * network is told ln(σ)/4, as Stable Video Diffusion is.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, algorithm 1,
 * https://arxiv.org/abs/2206.00364.
 */
export const euler = defineSampler({
  name: 'EulerDiscreteScheduler',
  shortNames: ['euler'],
  takes: ['timesteps', 'sigmas'],
  schema: z.object({
    ...noiseFields,
    ...respacingFields,
    final_sigmas_type: finalSigmaField,
    prediction_type: anyPrediction,
    interpolation_type: z.enum(['linear', 'log_linear']).default('linear'),
    sigma_min: sigmaBoundField,
    sigma_max: sigmaBoundField,
    timestep_spacing: spacingField.default('linspace'),
    timestep_type: z.enum(['discrete', 'continuous']).default('discrete'),
    rescale_betas_zero_snr: rescaleField,
  }),
  create(config, layout) {
    const { prediction_type: predictionType } = config;
    const { timesteps, sigmas, initNoiseSigma } = sigmaGrid(config, layout);
    const isContinuous = config.timestep_type === 'continuous' && predictionType === 'v_prediction';

    return {
      ...(isContinuous
        ? { timesteps: sigmas.slice(0, -1).map((sigma) => 0.25 * Math.log(sigma)) }
        : { timesteps, trainSteps: config.num_train_timesteps }),
      sigmas,
      initNoiseSigma,
      predictionType,
      lookback: 0,
      inputScale: (call) => unitVarianceScale(sigmas[call]!),
      levelAt: (call) => unscaledLevel(sigmas[call]!),
      advance({ call, sample }, { prediction }) {
        const sigma = sigmas[call]!;
        const clean = cleanOfUnscaled(predictionType, sigma, sample, prediction);
        const kept = sigmas[call + 1]! / sigma;
        return { sample: linearCombination([kept, sample], [1 - kept, clean]) };
      },
    };
  },
});
