import { z } from 'zod';
import { conflictingFields } from '../config.js';
import { edmFields, solverTypeField, thresholdFields } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { edmGrid } from '../schedules/edm-grid.js';
import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { dpmSolverUpdate } from '../solvers/dpm-solver-update.js';
import { edmClean, edmInputScale } from '../solvers/edm-preconditioning.js';
import { multistepOrder } from '../solvers/multistep-order.js';
import { limitSample } from '../solvers/sample-limits.js';

const schema = z.object({
  ...edmFields,
  ...thresholdFields,
  solver_order: z.int().min(1).max(3).default(2),
  algorithm_type: z.enum(['dpmsolver++', 'sde-dpmsolver++', 'deis']).default('dpmsolver++'),
  solver_type: solverTypeField(['midpoint', 'heun']),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
});

/**
 * DPM-Solver++ multistep for Karras et al.'s models, where a sample is x0 + σ·ε.
 * Source: Lu et al., DPM-Solver++, algorithm 2, https://arxiv.org/abs/2211.01095; Karras et al., table 1,
 * https://arxiv.org/abs/2206.00364.
 */
export const edmDpmSolver = defineSampler({
  name: 'EDMDPMSolverMultistepScheduler',
  shortNames: ['edm-dpm-solver++', 'edm-dpmsolver++'],
  process: 'edm',
  schema,
  create(config, { steps, images }) {
    const { prediction_type: predictionType, sigma_data: sigmaData } = config;
    const stochastic = config.algorithm_type === 'sde-dpmsolver++';
    if (stochastic && config.solver_order === 3) {
      throw conflictingFields(
        'algorithm_type "sde-dpmsolver++" goes with solver_order 1 or 2',
        'Set solver_order 2',
      );
    }
    const { timesteps, sigmas, initNoiseSigma } = edmGrid(config, steps);
    const levels = sigmas.map((sigma): NoiseLevel => ({ signal: 1, noise: sigma, alphaBar: 1 }));

    return {
      timesteps,
      sigmas,
      initNoiseSigma,
      predictionType,
      stochastic,
      lookback: config.solver_order - 1,
      inputScale: (call) => edmInputScale(sigmas[call]!, sigmaData),
      levelAt: (call) => unscaledLevel(sigmas[call]!),
      advance({ call, sample, history }, { prediction }, drawNoise) {
        const predicted = edmClean(predictionType, sigmas[call]!, sigmaData, sample, prediction);
        const outputs = [...history, limitSample(predicted, config, images)].slice(-config.solver_order);
        const order = multistepOrder(config, sigmas, call, outputs.length);
        const next = dpmSolverUpdate({
          outputs: outputs.slice(-order).reverse(),
          levels: levels.slice(call + 1 - order, call + 1).reverse(),
          target: levels[call + 1]!,
          sample,
          solverType: config.solver_type,
          ...(stochastic && { noise: drawNoise() }),
        });
        return { sample: next, history: outputs };
      },
    };
  },
});
