import { z } from 'zod';
import { buildSampler } from './build-sampler.js';
import { conflictingFields } from './config.js';
import { anyPrediction, noiseFields, rescaleField, sigmaFields, spacingField } from './config-fields.js';
import { defineSampler } from './definition.js';
import { eulerInitNoiseSigma, eulerInputScale, eulerSigmas, eulerTimesteps } from './euler-grid.js';
import { linearCombination } from './linear-combination.js';
import { noiseLevelOfRatio, noiseToSignal, nonZeroAlphaBars } from './noise-schedule.js';
import { cleanSample } from './prediction.js';
import { exponentialSigmas, karrasSigmas, timestepsOf } from './sigma-spacing.js';

const schema = z.object({
  ...noiseFields,
  ...sigmaFields,
  prediction_type: anyPrediction,
  interpolation_type: z.literal('linear').default('linear'),
  sigma_min: z.number().gt(0).nullable().default(null),
  sigma_max: z.number().gt(0).nullable().default(null),
  timestep_spacing: spacingField.default('linspace'),
  timestep_type: z.literal('discrete').default('discrete'),
  rescale_betas_zero_snr: rescaleField,
});

/**
 * Euler's method on the probability flow ODE in σ, without churn.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, algorithm 1,
 * https://arxiv.org/abs/2206.00364.
 */
export const euler = defineSampler({
  name: 'EulerDiscreteScheduler',
  shortNames: ['euler'],
  schema,
  create(config, { steps, images }) {
    const {
      num_train_timesteps: trainSteps,
      prediction_type: predictionType,
      timestep_spacing: spacing,
    } = config;
    const trainSigmas = noiseToSignal(nonZeroAlphaBars(config));
    const spaced = eulerTimesteps({ steps, trainSteps, offset: config.steps_offset, spacing });
    const respaced = respacedSigmas(config, eulerSigmas(spaced, trainSigmas), steps);
    const timesteps = respaced === undefined ? spaced : timestepsOf(respaced, trainSigmas).map(Math.fround);
    const last = config.final_sigmas_type === 'zero' ? 0 : trainSigmas[0]!;
    const sigmas = [...(respaced ?? eulerSigmas(spaced, trainSigmas)), last].map(Math.fround);

    return buildSampler({
      name: 'EulerDiscreteScheduler',
      steps,
      images,
      trainSteps,
      timesteps,
      sigmas,
      initNoiseSigma: eulerInitNoiseSigma(sigmas, spacing),
      predictionType,
      inputScale: (call) => eulerInputScale(sigmas[call]!),
      advance({ call, sample }, { prediction }) {
        const sigma = sigmas[call]!;
        const level = noiseLevelOfRatio(sigma);
        const scaled = linearCombination([level.signal, sample]);
        const clean = cleanSample(predictionType, level, scaled, prediction);
        const kept = sigmas[call + 1]! / sigma;
        return { sample: linearCombination([kept, sample], [1 - kept, clean]) };
      },
    });
  },
});

function respacedSigmas(
  config: z.output<typeof schema>,
  sigmas: number[],
  steps: number,
): number[] | undefined {
  const { use_karras_sigmas: karras, use_exponential_sigmas: exponential } = config;
  if (!karras && !exponential) return undefined;
  if (karras && exponential) {
    throw conflictingFields(
      'use_karras_sigmas and use_exponential_sigmas exclude each other',
      'Set one of them',
    );
  }
  const max = config.sigma_max ?? sigmas[0]!;
  const min = config.sigma_min ?? sigmas[sigmas.length - 1]!;
  return karras ? karrasSigmas(max, min, steps) : exponentialSigmas(max, min, steps);
}
