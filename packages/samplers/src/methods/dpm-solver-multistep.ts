import { z } from 'zod';
import { conflictingFields } from '../config.js';
import { dpmSolverFields, flag, noiseFields, rescaleField, spacingField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { multistepGrid } from '../schedules/multistep-grid.js';
import { checkSpacings } from '../schedules/spacing-conflicts.js';
import { dpmSolverUpdate } from '../solvers/dpm-solver-update.js';
import { multistepOrder } from '../solvers/multistep-order.js';
import { cleanSample } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';

const schema = z.object({
  ...noiseFields,
  ...dpmSolverFields,
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  use_lu_lambdas: flag(),
  timestep_spacing: spacingField.default('linspace'),
  rescale_betas_zero_snr: rescaleField,
});

type DpmSolverConfig = z.output<typeof schema>;

/**
 * DPM-Solver++ multistep of order 1 to 3, and its stochastic variant of order 1 to 2.
 * Source: Lu et al., DPM-Solver++, algorithm 2, https://arxiv.org/abs/2211.01095.
 */
export const dpmSolverMultistep = defineSampler({
  name: 'DPMSolverMultistepScheduler',
  shortNames: ['dpm-solver++', 'dpmsolver++'],
  takes: ['timesteps', 'mu'],
  schema,
  create(config, layout) {
    const { prediction_type: predictionType } = config;
    const { images } = layout;
    const stochastic = config.algorithm_type === 'sde-dpmsolver++';
    checkCombinations(config, stochastic);
    const { timesteps, sigmas, levels } = multistepGrid(config, layout, {
      name: 'DPMSolverMultistepScheduler',
      end: 'least-of-training',
      truncatesCosine: true,
    });

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      sigmas,
      predictionType,
      stochastic,
      lookback: config.solver_order - 1,
      predictsVariance: config.variance_type !== null,
      levelAt: (call) => levels[call]!,
      advance({ call, sample, history }, { prediction }, drawNoise) {
        const clean = limitSample(
          cleanSample(predictionType, levels[call]!, sample, prediction),
          config,
          images,
        );
        const outputs = [...history, clean].slice(-config.solver_order);
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

function checkCombinations(config: DpmSolverConfig, stochastic: boolean): void {
  if (stochastic && config.solver_order === 3) {
    throw conflictingFields(
      'algorithm_type "sde-dpmsolver++" goes with solver_order 1 or 2',
      'There is no third-order stochastic formula in the paper; set solver_order 2',
    );
  }
  checkSpacings(config);
}
