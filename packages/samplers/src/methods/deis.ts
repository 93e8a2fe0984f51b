import { z } from 'zod';
import {
  anyOrFlow,
  multistepFlowFields,
  noiseFields,
  respacingFields,
  solverTypeField,
  spacingField,
  thresholdFields,
} from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { multistepGrid } from '../schedules/multistep-grid.js';
import { checkSpacings } from '../schedules/spacing-conflicts.js';
import { deisUpdate } from '../solvers/deis-update.js';
import { cleanSample, noiseBehind } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';

/** Below this many steps, `lower_order_final` lowers the order of the last two. */
const FEW_STEPS = 15;

const schema = z.object({
  ...noiseFields,
  ...thresholdFields,
  ...respacingFields,
  ...multistepFlowFields,
  solver_order: z.int().min(1).max(3).default(2),
  prediction_type: anyOrFlow,
  algorithm_type: z.enum(['deis', 'dpmsolver', 'dpmsolver++']).default('deis'),
  solver_type: solverTypeField(['logrho']),
  lower_order_final: z.boolean().default(true),
  timestep_spacing: spacingField.default('linspace'),
});

/**
 * DEIS in log ρ: the noise is extrapolated by a polynomial in the logarithm of ρ = σ/α, of order 1 to 3. It ends at the
 * smallest noise level, not at 0.
 * Source: Zhang and Chen, Fast Sampling of Diffusion Models with Exponential Integrator, section 3.3 and appendix B,
 * https://arxiv.org/abs/2204.13902.
 */
export const deis = defineSampler({
  name: 'DEISMultistepScheduler',
  shortNames: ['deis'],
  takes: ['timesteps', 'mu'],
  schema,
  create(config, layout) {
    const { prediction_type: predictionType } = config;
    const { steps, images } = layout;
    checkSpacings(config);
    const { timesteps, sigmas, levels } = multistepGrid(
      { ...config, final_sigmas_type: 'sigma_min' },
      layout,
      { name: 'DEISMultistepScheduler', end: 'last-of-run' },
    );

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      sigmas,
      predictionType,
      lookback: config.solver_order - 1,
      levelAt: (call) => levels[call]!,
      advance({ call, sample, history }, { prediction }) {
        const level = levels[call]!;
        const clean = limitSample(cleanSample(predictionType, level, sample, prediction), config, images);
        const outputs = [...history, noiseBehind(level, sample, clean)].slice(-config.solver_order);
        const left = steps - call;
        const allowed = config.lower_order_final && steps < FEW_STEPS ? left : config.solver_order;
        const order = Math.min(allowed, outputs.length);
        const next = deisUpdate({
          outputs: outputs.slice(-order).reverse(),
          levels: levels.slice(call + 1 - order, call + 1).reverse(),
          target: levels[call + 1]!,
          sample,
        });
        return { sample: next, history: outputs };
      },
    };
  },
});
