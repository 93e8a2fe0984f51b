import { z } from 'zod';
import { trainStepsField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import type { RunLayout } from '../run-layout.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { karrasSigma } from '../schedules/sigma-spacing.js';
import { edmInputScale } from '../solvers/edm-preconditioning.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { clip } from '../solvers/sample-limits.js';

const schema = z.object({
  num_train_timesteps: trainStepsField(40),
  sigma_min: z.number().gt(0).default(0.002),
  sigma_max: z.number().gt(0).default(80),
  sigma_data: z.number().gt(0).default(0.5),
  s_noise: z.number().min(0).default(1),
  rho: z.number().gt(0).default(7),
  clip_denoised: z.boolean().default(true),
});

/** Clean samples of pixels lie in [−1, 1]. */
const PIXEL_RANGE = 1;

/**
 * Multistep consistency sampling: every call gives a clean sample, and new noise brings it back to the next level.
 * Explicit timesteps count the levels of training, 0 the noisiest, and are given in descending order as to diffusers.
 * The network is told 250 · ln σ.
 * Source: Song et al., Consistency Models, algorithm 1 and appendix C, https://arxiv.org/abs/2303.01469.
 */
export const consistency = defineSampler({
  name: 'CMStochasticIterativeScheduler',
  shortNames: ['consistency', 'cm'],
  process: 'consistency',
  takes: ['timesteps'],
  schema,
  create(config, layout) {
    const { sigma_min: min, sigma_data: sigmaData } = config;
    const levels = consistencyLevels(config, layout);
    const sigmas = [...levels, min].map(Math.fround);

    return {
      timesteps: levels.map((sigma) => 250 * Math.log(sigma)),
      sigmas,
      initNoiseSigma: config.sigma_max,
      predictionType: 'consistency',
      stochastic: layout.steps > 1,
      lookback: 0,
      inputScale: (call) => edmInputScale(sigmas[call]!, sigmaData),
      levelAt: (call) => unscaledLevel(sigmas[call]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const sigma = sigmas[call]!;
        const beyond = sigma - min;
        const skip = sigmaData ** 2 / (beyond ** 2 + sigmaData ** 2);
        const out = (beyond * sigmaData) / Math.hypot(sigma, sigmaData);
        const predicted = linearCombination([out, prediction], [skip, sample]);
        const clean = config.clip_denoised ? clip(predicted, PIXEL_RANGE) : predicted;
        if (layout.steps === 1) return { sample: clean };
        const next = Math.min(Math.max(sigmas[call + 1]!, min), config.sigma_max);
        const added = config.s_noise * Math.sqrt(Math.max(next ** 2 - min ** 2, 0));
        return { sample: linearCombination([1, clean], [added, drawNoise()]) };
      },
    };
  },
});

function consistencyLevels(config: z.output<typeof schema>, { steps, timesteps }: RunLayout): number[] {
  const { num_train_timesteps: count, sigma_max: max, sigma_min: min, rho } = config;
  const stride = Math.floor(count / steps);
  const places = timesteps?.toReversed() ?? Array.from({ length: steps }, (_, i) => i * stride);
  return places.map((place) => karrasSigma(max, min, place / (count - 1), rho));
}
