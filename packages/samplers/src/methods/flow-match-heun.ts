import { z } from 'zod';
import { trainStepsField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { shiftSigmas } from '../schedules/flow-shift.js';
import { flowLevel } from '../schedules/noise-schedule.js';
import { endpointCalls, placeOf } from '../schedules/two-call-grid.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { trainedSigmas } from './flow-match-euler.js';

/**
 * Heun's method along a flow: an Euler step, and the same again with the mean of the flows at both of its ends. The
 * last step is Euler's.
 * Source: Esser et al., Scaling Rectified Flow Transformers, https://arxiv.org/abs/2403.03206; Karras et al., algorithm
 * 1, https://arxiv.org/abs/2206.00364.
 */
export const flowMatchHeun = defineSampler({
  name: 'FlowMatchHeunDiscreteScheduler',
  shortNames: ['flow-match-heun', 'flow-heun'],
  process: 'flow',
  schema: z.object({ num_train_timesteps: trainStepsField(1000), shift: z.number().gt(0).default(1) }),
  create({ num_train_timesteps: count, shift }, { steps }) {
    const levels = shiftSigmas(trainedSigmas(count, shift, steps), shift).map(Math.fround);
    const sigmas = [...levels, 0];
    const run = endpointCalls({ timesteps: levels.map((sigma) => sigma * count), sigmas });

    return {
      ...run,
      predictionType: 'flow_prediction',
      lookback: 1,
      levelAt: (call) => flowLevel(run.sigmas[call]!),
      advance({ call, sample, stages, anchor }, { prediction }) {
        const { step, isSecond } = placeOf(call);
        const length = sigmas[step + 1]! - sigmas[step]!;
        if (!isSecond) {
          const next = linearCombination([1, sample], [length, prediction]);
          const isLast = call === run.timesteps.length - 1;
          return isLast ? { sample: next } : { sample: next, stages: [prediction], anchor: sample };
        }
        return {
          sample: linearCombination([1, anchor!], [length / 2, stages[0]!], [length / 2, prediction]),
        };
      },
    };
  },
});
