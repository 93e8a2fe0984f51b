import { z } from 'zod';
import { buildSampler } from './build-sampler.js';
import { noiseFields, noiseOrVelocity, rescaleField, spacingField } from './config-fields.js';
import { defineSampler } from './definition.js';
import { eulerInitNoiseSigma, eulerInputScale, eulerSigmas, eulerTimesteps } from './euler-grid.js';
import { linearCombination } from './linear-combination.js';
import { noiseLevelOfRatio, noiseToSignal, nonZeroAlphaBars } from './noise-schedule.js';
import { cleanSample } from './prediction.js';

/**
 * Euler's method that goes below each noise level and adds new noise up to it; it draws in every call.
 * Source: Crowson, k-diffusion, sample_euler_ancestral, https://github.com/crowsonkb/k-diffusion.
 */
export const eulerAncestral = defineSampler({
  name: 'EulerAncestralDiscreteScheduler',
  shortNames: ['euler-ancestral', 'euler-a'],
  schema: z.object({
    ...noiseFields,
    prediction_type: noiseOrVelocity,
    timestep_spacing: spacingField.default('linspace'),
    rescale_betas_zero_snr: rescaleField,
  }),
  create(config, { steps, images }) {
    const {
      num_train_timesteps: trainSteps,
      prediction_type: predictionType,
      timestep_spacing: spacing,
    } = config;
    const timesteps = eulerTimesteps({ steps, trainSteps, offset: config.steps_offset, spacing });
    const trainSigmas = noiseToSignal(nonZeroAlphaBars(config));
    const sigmas = [...eulerSigmas(timesteps, trainSigmas), 0].map(Math.fround);

    return buildSampler({
      name: 'EulerAncestralDiscreteScheduler',
      steps,
      images,
      trainSteps,
      timesteps,
      sigmas,
      initNoiseSigma: eulerInitNoiseSigma(sigmas, spacing),
      predictionType,
      stochastic: true,
      inputScale: (call) => eulerInputScale(sigmas[call]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const sigma = sigmas[call]!;
        const level = noiseLevelOfRatio(sigma);
        const scaled = linearCombination([level.signal, sample]);
        const clean = cleanSample(predictionType, level, scaled, prediction);
        const { up, down } = splitSigma(sigma, sigmas[call + 1]!);
        const kept = down / sigma;
        return { sample: linearCombination([kept, sample], [1 - kept, clean], [up, drawNoise()]) };
      },
    });
  },
});

/** How far to go down, and how much noise brings the sample back up to the level `to`. */
function splitSigma(from: number, to: number): { up: number; down: number } {
  const upSquared = (to ** 2 * (from ** 2 - to ** 2)) / from ** 2;
  return { up: Math.sqrt(upSquared), down: Math.sqrt(to ** 2 - upSquared) };
}
