import { z } from 'zod';
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
import { cleanSample } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';
import { refuseNoiseFromPureNoise } from './ddim.js';

/** Its logarithm is taken, so it never becomes 0. */
const SMALLEST_VARIANCE = 1e-20;

const VARIANCE_TYPES = z.enum(['fixed_small', 'fixed_small_log', 'fixed_large', 'learned_range']);

/**
 * Ancestral sampling of DDPM; draws noise in every call but one at timestep 0.
 * Source: Ho et al., Denoising Diffusion Probabilistic Models, eq. 6, 7 and 15, https://arxiv.org/abs/2006.11239;
 * learned variance: Nichol and Dhariwal, Improved DDPM, eq. 15, https://arxiv.org/abs/2102.09672.
 */
export const ddpm = defineSampler({
  name: 'DDPMScheduler',
  shortNames: ['ddpm'],
  takes: ['timesteps'],
  schema: z.object({
    ...noiseFields,
    ...clipFields,
    ...thresholdFields,
    beta_schedule: z
      .enum(['linear', 'scaled_linear', 'squaredcos_cap_v2', 'laplace', 'sigmoid'])
      .default('linear'),
    variance_type: VARIANCE_TYPES.default('fixed_small'),
    prediction_type: anyPrediction,
    timestep_spacing: spacingField.default('leading'),
    rescale_betas_zero_snr: rescaleField,
  }),
  create(config, { steps, images, timesteps: given }) {
    const { num_train_timesteps: trainSteps, prediction_type: predictionType } = config;
    const bars = alphaBars(config);
    const spaced = spacedTimesteps({
      steps,
      trainSteps,
      offset: config.steps_offset,
      spacing: config.timestep_spacing,
    });
    const timesteps = given ?? spaced;
    refuseNoiseFromPureNoise(predictionType, timesteps, bars);

    return {
      trainSteps,
      timesteps,
      predictionType,
      stochastic: true,
      lookback: 0,
      predictsVariance: config.variance_type === 'learned_range',
      levelAt: (call) => noiseLevel(bars[timesteps[call]!]!),
      advance({ call, sample }, { prediction, variance }, drawNoise) {
        const timestep = timesteps[call]!;
        const alphaBar = bars[timestep]!;
        const nextBar = bars[timesteps[call + 1] ?? -1] ?? 1;
        const beta = 1 - alphaBar / nextBar;
        const level = noiseLevel(alphaBar);
        const clean = limitSample(cleanSample(predictionType, level, sample, prediction), config, images);
        const mean = linearCombination(
          [(Math.sqrt(nextBar) * beta) / (1 - alphaBar), clean],
          [(Math.sqrt(alphaBar / nextBar) * (1 - nextBar)) / (1 - alphaBar), sample],
        );
        if (timestep === 0) return { sample: mean };
        const smallest = Math.max(((1 - nextBar) / (1 - alphaBar)) * beta, SMALLEST_VARIANCE);
        const noise = drawNoise();
        if (variance !== undefined) return { sample: addLearnedNoise(mean, noise, variance, smallest, beta) };
        const fixed = config.variance_type === 'fixed_large' ? beta : smallest;
        return { sample: linearCombination([1, mean], [Math.sqrt(fixed), noise]) };
      },
    };
  },
});

/** The network's number in [−1, 1] chooses between the smallest and the largest variance, in logarithms. */
function addLearnedNoise(
  mean: Float32Array,
  noise: Float32Array,
  fractions: Float32Array,
  smallest: number,
  largest: number,
): Float32Array {
  const low = Math.log(smallest);
  const high = Math.log(largest);
  return mean.map((value, i) => {
    const weight = (fractions[i]! + 1) / 2;
    return value + Math.exp(0.5 * (weight * high + (1 - weight) * low)) * noise[i]!;
  });
}
