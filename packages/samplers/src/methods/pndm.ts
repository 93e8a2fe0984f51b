import { z } from 'zod';
import { noiseFields, noiseOrVelocity, spacingField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { alphaBars, noiseLevel } from '../schedules/noise-schedule.js';
import { spacedTimesteps } from '../schedules/timestep-spacing.js';
import { multistepCall, type PndmRun, repeatedFirstCall, rungeKuttaCall } from './pndm-step.js';
import {
  plmsCalls,
  plmsTimesteps,
  RUNGE_KUTTA_CALLS,
  refuseMiddle,
  rungeKuttaCalls,
  rungeKuttaTimesteps,
} from './pndm-timesteps.js';

/**
 * Pseudo numerical methods: PLMS (`skip_prk_steps`), which calls the network once more than there are steps,
 * or three Runge–Kutta steps of four calls first, which makes nine calls more. From the middle of a run on, PLMS
 * repeats its first call as well, one timestep late: as in diffusers, the sample then stays one level behind.
 * Source: Liu et al., Pseudo Numerical Methods for Diffusion Models on Manifolds, eq. 9, 12, 13 and
 * algorithm 2, https://arxiv.org/abs/2202.09778.
 */
export const pndm = defineSampler({
  name: 'PNDMScheduler',
  shortNames: ['pndm', 'plms'],
  schema: z.object({
    ...noiseFields,
    skip_prk_steps: z.boolean().default(false),
    set_alpha_to_one: z.boolean().default(false),
    prediction_type: noiseOrVelocity,
    timestep_spacing: spacingField.default('leading'),
  }),
  create(config, { steps }) {
    const { num_train_timesteps: trainSteps, steps_offset: offset, timestep_spacing: spacing } = config;
    const usesRungeKutta = !config.skip_prk_steps;
    const base = spacedTimesteps({ steps, trainSteps, offset, spacing });
    const stride = Math.floor(trainSteps / steps);
    const bars = alphaBars(config);
    const run: PndmRun = {
      predictionType: config.prediction_type,
      bars,
      finalAlphaBar: config.set_alpha_to_one ? 1 : bars[0]!,
      timesteps: usesRungeKutta ? rungeKuttaTimesteps(base, stride) : plmsTimesteps(base),
      stride,
    };

    return {
      trainSteps,
      timesteps: run.timesteps,
      predictionType: run.predictionType,
      ...(usesRungeKutta ? rungeKuttaCalls(steps) : plmsCalls(steps)),
      levelAt: (call) => noiseLevel(bars[run.timesteps[call]!]!),
      ...(usesRungeKutta && { callOfStep: refuseMiddle }),
      advance(state, { prediction }) {
        if (usesRungeKutta && state.call < RUNGE_KUTTA_CALLS) return rungeKuttaCall(run, state, prediction);
        if (!usesRungeKutta && state.anchor !== undefined) return repeatedFirstCall(run, state, prediction);
        return multistepCall(run, state, prediction);
      },
    };
  },
});
