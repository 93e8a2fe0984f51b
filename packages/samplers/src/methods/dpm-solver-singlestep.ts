import { z } from 'zod';
import { conflictingFields } from '../config.js';
import { dpmSolverFields, noiseFieldsOf } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { multistepGrid } from '../schedules/multistep-grid.js';
import { checkSpacings } from '../schedules/spacing-conflicts.js';
import { dpmSinglestepUpdate } from '../solvers/dpm-singlestep-update.js';
import { cleanSample } from '../solvers/prediction.js';
import { limitSample } from '../solvers/sample-limits.js';

const schema = z.object({
  ...noiseFieldsOf(0.0001, 0.02, 'linear'),
  ...dpmSolverFields,
  lower_order_final: z.boolean().default(false),
});

type SinglestepConfig = z.output<typeof schema>;

/**
 * DPM-Solver++ single step: a step of order k calls the network k times and forgets what it learned. Each of those
 * calls counts as a step, as in diffusers, so that a number of steps costs the same as with the multistep method.
 * Source: Lu et al., DPM-Solver++, algorithm 1 and appendix B, https://arxiv.org/abs/2211.01095.
 */
export const dpmSolverSinglestep = defineSampler({
  name: 'DPMSolverSinglestepScheduler',
  shortNames: ['dpm-solver-singlestep', 'dpm-single'],
  takes: ['timesteps', 'mu'],
  schema,
  create(config, layout) {
    const { prediction_type: predictionType } = config;
    const { images, steps } = layout;
    const stochastic = config.algorithm_type === 'sde-dpmsolver++';
    checkCombinations(config, stochastic);
    const { timesteps, sigmas, levels } = multistepGrid(
      { ...config, timestep_spacing: 'linspace', steps_offset: 0 },
      layout,
      { name: 'DPMSolverSinglestepScheduler', end: 'least-of-training' },
    );
    const orders = ordersOfSteps(config, steps);
    const places = orders.flatMap((order) => Array.from({ length: order }, (_, i) => i + 1));

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      sigmas,
      predictionType,
      stochastic,
      callsPerStep: orders,
      lookback: config.solver_order - 1,
      predictsVariance: config.variance_type !== null,
      levelAt: (call) => levels[call]!,
      advance({ call, sample, stages, anchor }, { prediction }, drawNoise) {
        // In the middle of a step there may be fewer outputs than its place.
        const order = Math.min(places[call]!, stages.length + 1);
        const clean = limitSample(
          cleanSample(predictionType, levels[call]!, sample, prediction),
          config,
          images,
        );
        const begin = order === 1 ? sample : anchor!;
        const outputs = order === 1 ? [clean] : [...stages, clean];
        const next = dpmSinglestepUpdate({
          outputs,
          levels: levels.slice(call + 1 - order, call + 1),
          target: levels[call + 1]!,
          sample: begin,
          solverType: config.solver_type,
          ...(stochastic && { noise: drawNoise() }),
        });
        const isEnd = (places[call + 1] ?? 1) === 1;
        return isEnd ? { sample: next } : { sample: next, stages: outputs, anchor: begin };
      },
    };
  },
});

/**
 * Steps of the full order, and what is left over in steps of a lower one, so that a run may end without noise, where
 * only order 1 can go.
 */
function ordersOfSteps(config: SinglestepConfig, calls: number): number[] {
  const { solver_order: order } = config;
  const endsAtZero = config.final_sigmas_type === 'zero';
  const lowers = config.lower_order_final || endsAtZero || calls % order !== 0;
  const rest = calls % order;
  const full = Math.floor(calls / order);
  const repeated = (count: number) => new Array<number>(count).fill(order);
  if (order === 1) return repeated(calls);
  if (!lowers) return repeated(full);
  // A last step of two calls ends without noise only by a step of one for its second call.
  const split = (last: number) => (last === 2 && endsAtZero ? [1, 1] : [last]);
  if (rest !== 0) return [...repeated(full), ...split(rest)];
  return [...repeated(full - 1), ...(order === 3 ? [2, 1] : [1, 1])];
}

function checkCombinations(config: SinglestepConfig, stochastic: boolean): void {
  if (stochastic && config.solver_order === 3 && config.solver_type === 'heun') {
    throw conflictingFields(
      'algorithm_type "sde-dpmsolver++" of solver_order 3 goes with solver_type "midpoint"',
      'Set solver_type "midpoint", or solver_order 2',
    );
  }
  checkSpacings(config);
}
