import { z } from 'zod';
import { latentNoiseFields, noiseOrVelocity, respacingFields, spacingField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { timestepsOf } from '../schedules/sigma-spacing.js';
import { interleaved, placeOf } from '../schedules/two-call-grid.js';
import { ancestralSplit } from '../solvers/ancestral-split.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';

/**
 * Two stochastic half steps in log σ, the second from the beginning again with the output of the middle. Both halves
 * move along one Brownian path, so the second noise contains the first.
 * Differs from diffusers in where the path comes from: from independent draws, the first up to the middle and the
 * second from there, in place of torchsde's tree; `noise_sampler_seed` has no meaning then.
 * Source: Crowson, k-diffusion, sample_dpmpp_sde, https://github.com/crowsonkb/k-diffusion.
 */
export const dpmSolverSde = defineSampler({
  name: 'DPMSolverSDEScheduler',
  shortNames: ['dpm-solver-sde', 'dpm++-sde'],
  takes: ['timesteps'],
  schema: z.object({
    ...latentNoiseFields,
    ...respacingFields,
    prediction_type: noiseOrVelocity,
    noise_sampler_seed: z.int().nullable().default(null),
    timestep_spacing: spacingField.default('linspace'),
  }),
  create(config, layout) {
    const grid = sigmaGrid(config, layout);
    const middles = grid.sigmas.slice(0, -2).map((sigma, step) => Math.sqrt(sigma * grid.sigmas[step + 1]!));
    const run = interleaved(grid.timesteps, grid.sigmas, timestepsOf(middles, grid.trainSigmas), middles);

    return {
      trainSteps: config.num_train_timesteps,
      ...run,
      initNoiseSigma: grid.initNoiseSigma,
      predictionType: config.prediction_type,
      stochastic: layout.steps > 1,
      lookback: 0,
      inputScale: (call) => unitVarianceScale(run.sigmas[call]!),
      levelAt: (call) => unscaledLevel(run.sigmas[call]!),
      advance({ call, sample, anchor, drawn }, { prediction }, drawNoise) {
        const { step, isSecond } = placeOf(call);
        const [from, to] = [grid.sigmas[step]!, grid.sigmas[step + 1]!];
        const clean = cleanOfUnscaled(config.prediction_type, run.sigmas[call]!, sample, prediction);
        if (to === 0) return { sample: clean };
        const noise = drawNoise();
        if (!isSecond) {
          return {
            sample: stochasticStep(from, middles[step]!, sample, clean, noise),
            anchor: sample,
            drawn: noise,
          };
        }
        const whole = joinedIncrements(from, middles[step]!, to, drawn!, noise);
        return { sample: stochasticStep(from, to, anchor!, clean, whole) };
      },
    };
  },
});

function stochasticStep(
  from: number,
  to: number,
  sample: Float32Array,
  clean: Float32Array,
  noise: Float32Array,
): Float32Array {
  const { up, down } = ancestralSplit(from, to);
  const kept = down / from;
  return linearCombination([kept, sample], [1 - kept, clean], [up, noise]);
}

/** The increment of a Brownian path in σ over the whole step, of its halves' unit normals; unit normal again. */
function joinedIncrements(
  from: number,
  middle: number,
  to: number,
  first: Float32Array,
  second: Float32Array,
): Float32Array {
  const share = (from - middle) / (from - to);
  return linearCombination([Math.sqrt(share), first], [Math.sqrt(1 - share), second]);
}
