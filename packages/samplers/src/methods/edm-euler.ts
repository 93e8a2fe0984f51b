import { z } from 'zod';
import { edmFields } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { edmGrid } from '../schedules/edm-grid.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { edmClean, edmInputScale } from '../solvers/edm-preconditioning.js';
import { linearCombination } from '../solvers/linear-combination.js';

/**
 * Euler's method for Karras et al.'s models, without churn.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, algorithm 1 and table 1,
 * https://arxiv.org/abs/2206.00364.
 */
export const edmEuler = defineSampler({
  name: 'EDMEulerScheduler',
  shortNames: ['edm-euler'],
  process: 'edm',
  schema: z.object(edmFields),
  create(config, { steps }) {
    const { prediction_type: predictionType, sigma_data: sigmaData } = config;
    const { timesteps, sigmas, initNoiseSigma } = edmGrid(config, steps);

    return {
      timesteps,
      sigmas,
      initNoiseSigma,
      predictionType,
      lookback: 0,
      inputScale: (call) => edmInputScale(sigmas[call]!, sigmaData),
      levelAt: (call) => unscaledLevel(sigmas[call]!),
      advance({ call, sample }, { prediction }) {
        const clean = edmClean(predictionType, sigmas[call]!, sigmaData, sample, prediction);
        const kept = sigmas[call + 1]! / sigmas[call]!;
        return { sample: linearCombination([kept, sample], [1 - kept, clean]) };
      },
    };
  },
});
