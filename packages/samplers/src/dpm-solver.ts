import { z } from 'zod';
import { buildSampler } from './build-sampler.js';
import { conflictingFields } from './config.js';
import {
  anyPrediction,
  noiseFields,
  rescaleField,
  sigmaFields,
  spacingField,
  switchedOff,
  thresholdFields,
} from './config-fields.js';
import { defineSampler } from './definition.js';
import { dpmSolverGrid } from './dpm-solver-grid.js';
import { type DpmSolverType, dpmSolverUpdate } from './dpm-solver-update.js';
import { noiseLevelOfRatio, noiseToSignal, nonZeroAlphaBars } from './noise-schedule.js';
import { cleanSample } from './prediction.js';
import { limitSample } from './sample-limits.js';

/** Below this many steps, `lower_order_final` lowers the order of the last two. */
const FEW_STEPS = 15;

/** Solver types of other classes, which diffusers reads as `midpoint` when a configuration changes class. */
const SOLVER_TYPES = z.enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2']);

const schema = z.object({
  ...noiseFields,
  ...thresholdFields,
  ...sigmaFields,
  solver_order: z.int().min(1).max(3).default(2),
  prediction_type: anyPrediction,
  algorithm_type: z.enum(['dpmsolver++', 'sde-dpmsolver++']).default('dpmsolver++'),
  solver_type: SOLVER_TYPES.default('midpoint').transform(
    (type): DpmSolverType => (type === 'heun' ? 'heun' : 'midpoint'),
  ),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  use_lu_lambdas: switchedOff(),
  use_flow_sigmas: switchedOff(),
  use_dynamic_shifting: switchedOff(),
  lambda_min_clipped: z
    .custom<number | null>((value) => value === null || (typeof value === 'number' && !Number.isNaN(value)), {
      message: 'expected a number or -Infinity',
    })
    .default(Number.NEGATIVE_INFINITY)
    .transform((value) => value ?? Number.NEGATIVE_INFINITY),
  variance_type: z.enum(['learned', 'learned_range']).nullable().default(null),
  timestep_spacing: spacingField.default('linspace'),
  rescale_betas_zero_snr: rescaleField,
});

type DpmSolverConfig = z.output<typeof schema>;

/**
 * DPM-Solver++ multistep of order 1 to 3, and its stochastic variant of order 1 to 2.
 * Source: Lu et al., DPM-Solver++, algorithm 2, https://arxiv.org/abs/2211.01095.
 */
export const dpmSolver = defineSampler({
  name: 'DPMSolverMultistepScheduler',
  shortNames: ['dpm-solver++', 'dpmsolver++'],
  schema,
  create(config, { steps, images }) {
    const { prediction_type: predictionType } = config;
    const stochastic = config.algorithm_type === 'sde-dpmsolver++';
    checkCombinations(config, stochastic);
    const { timesteps, sigmas } = dpmSolverGrid(config, noiseToSignal(nonZeroAlphaBars(config)), steps);
    const levels = sigmas.map(noiseLevelOfRatio);

    return buildSampler({
      name: 'DPMSolverMultistepScheduler',
      steps,
      images,
      trainSteps: config.num_train_timesteps,
      timesteps,
      sigmas,
      predictionType,
      stochastic,
      predictsVariance: config.variance_type !== null,
      advance({ call, sample, history }, { prediction }, drawNoise) {
        const clean = limitSample(
          cleanSample(predictionType, levels[call]!, sample, prediction),
          config,
          images,
        );
        const outputs = [...history, clean].slice(-config.solver_order);
        const order = orderOfStep(config, sigmas, call);
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
    });
  },
});

function orderOfStep(config: DpmSolverConfig, sigmas: readonly number[], call: number): number {
  const calls = sigmas.length - 1;
  const known = Math.min(call + 1, config.solver_order);
  const lowersOrder = config.lower_order_final && calls < FEW_STEPS;
  if (call === calls - 1) {
    const isEuler = config.euler_at_final || lowersOrder || config.final_sigmas_type === 'zero';
    return isEuler || sigmas[call] === sigmas[calls] ? 1 : known;
  }
  return call === calls - 2 && lowersOrder ? Math.min(known, 2) : known;
}

function checkCombinations(config: DpmSolverConfig, stochastic: boolean): void {
  if (config.use_karras_sigmas && config.use_exponential_sigmas) {
    throw conflictingFields(
      'use_karras_sigmas and use_exponential_sigmas exclude each other',
      'Set one of them',
    );
  }
  if (stochastic && config.solver_order === 3) {
    throw conflictingFields(
      'algorithm_type "sde-dpmsolver++" goes with solver_order 1 or 2',
      'There is no third-order stochastic formula in the paper; set solver_order 2',
    );
  }
}
