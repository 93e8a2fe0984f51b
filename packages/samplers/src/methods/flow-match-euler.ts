import { z } from 'zod';
import { flag, respacingFields, trainStepsField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import type { RunLayout } from '../run-layout.js';
import { shiftOfRun, shiftSigmas, stretchToTerminal } from '../schedules/flow-shift.js';
import { flowLevel } from '../schedules/noise-schedule.js';
import { checkListed, respacedSigmas, respacingKind } from '../schedules/respaced-sigmas.js';
import { linspace } from '../schedules/rounding.js';
import { linearCombination } from '../solvers/linear-combination.js';

const schema = z.object({
  num_train_timesteps: trainStepsField(1000),
  shift: z.number().gt(0).default(1),
  use_dynamic_shifting: flag(),
  base_shift: z.number().nullable().default(0.5),
  max_shift: z.number().nullable().default(1.15),
  base_image_seq_len: z.number().gt(0).default(256),
  max_image_seq_len: z.number().gt(0).default(4096),
  invert_sigmas: flag(),
  shift_terminal: z.number().min(0).lt(1).nullable().default(null),
  ...respacingFields,
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  stochastic_sampling: flag(),
});

/**
 * Euler's method along a flow, which the network predicts, from noise at σ = 1 to data at σ = 0; with
 * `stochastic_sampling` each call goes all the way to the data and back up by new noise.
 * Source: Esser et al., Scaling Rectified Flow Transformers, sections 2 and 5.3.2, https://arxiv.org/abs/2403.03206.
 */
export const flowMatchEuler = defineSampler({
  name: 'FlowMatchEulerDiscreteScheduler',
  shortNames: ['flow-match-euler', 'flow-euler'],
  process: 'flow',
  takes: ['timesteps', 'sigmas', 'mu'],
  schema,
  create(config, layout) {
    const { timesteps, sigmas } = flowGrid(config, layout);

    return {
      timesteps,
      sigmas,
      predictionType: 'flow_prediction',
      stochastic: config.stochastic_sampling,
      lookback: 0,
      levelAt: (call) => flowLevel(sigmas[call]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const [sigma, next] = [sigmas[call]!, sigmas[call + 1]!];
        if (!config.stochastic_sampling) {
          return { sample: linearCombination([1, sample], [next - sigma, prediction]) };
        }
        const clean = linearCombination([1, sample], [-sigma, prediction]);
        return { sample: linearCombination([1 - next, clean], [next, drawNoise()]) };
      },
    };
  },
});

function flowGrid(config: z.output<typeof schema>, layout: RunLayout) {
  const { num_train_timesteps: count, shift_terminal: terminal, shift } = config;
  const shiftConfig = {
    ...config,
    base_shift: config.base_shift ?? 0.5,
    max_shift: config.max_shift ?? 1.15,
  };
  const runShift = shiftOfRun('FlowMatchEulerDiscreteScheduler', shiftConfig, shift, layout);
  const given = layout.sigmas ?? layout.timesteps?.map((timestep) => timestep / count);
  const shifted = shiftSigmas(
    given ?? trainedSigmas(count, config.use_dynamic_shifting ? 1 : shift, layout.steps),
    runShift,
  );
  const stretched = terminal ? stretchToTerminal(shifted, terminal) : shifted;
  const kind = respacingKind(config);
  checkListed(layout, kind);
  const spaced = kind ? respacedSigmas(kind, stretched[0]!, stretched.at(-1)!, layout.steps) : stretched;
  const sigmas = spaced.map((sigma) => Math.fround(config.invert_sigmas ? 1 - sigma : sigma));
  return {
    timesteps: (config.invert_sigmas ? undefined : layout.timesteps) ?? sigmas.map((sigma) => sigma * count),
    sigmas: [...sigmas, config.invert_sigmas ? 1 : 0],
  };
}

/**
 * Equal distances between the largest and the smallest level of training. Those are shifted already, and shifted once
 * more for the run, as diffusers does.
 */
export function trainedSigmas(count: number, shift: number, steps: number): number[] {
  const [least] = shiftSigmas([1 / count], shift);
  return linspace(1, least!, steps);
}
