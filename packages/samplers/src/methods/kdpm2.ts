import { z } from 'zod';
import { latentNoiseFields, noiseOrVelocity, respacingFields, spacingField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { roundHalfEven } from '../schedules/rounding.js';
import { type SigmaGrid, sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { timestepsOf } from '../schedules/sigma-spacing.js';
import { interleaved, placeOf } from '../schedules/two-call-grid.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';

export const kdpm2Schema = z.object({
  ...latentNoiseFields,
  ...respacingFields,
  prediction_type: noiseOrVelocity,
  timestep_spacing: spacingField.default('linspace'),
});

/**
 * The midpoint method in σ, with the middle of a step in log σ: DPM-Solver-2 as Karras et al. have it. The last step
 * is Euler's.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, algorithm 2 without churn,
 * https://arxiv.org/abs/2206.00364.
 */
export const kdpm2 = defineSampler({
  name: 'KDPM2DiscreteScheduler',
  shortNames: ['kdpm2', 'dpm2'],
  takes: ['timesteps'],
  schema: kdpm2Schema,
  create(config, layout) {
    const grid = wholeKarrasTimesteps(sigmaGrid(config, layout), config.use_karras_sigmas);
    const middles = grid.sigmas.slice(0, -2).map((sigma, step) => Math.sqrt(sigma * grid.sigmas[step + 1]!));
    const run = interleaved(grid.timesteps, grid.sigmas, timestepsOf(middles, grid.trainSigmas), middles);

    return {
      trainSteps: config.num_train_timesteps,
      ...run,
      initNoiseSigma: grid.initNoiseSigma,
      predictionType: config.prediction_type,
      lookback: 0,
      inputScale: (call) => unitVarianceScale(run.sigmas[call]!),
      levelAt: (call) => unscaledLevel(run.sigmas[call]!),
      advance({ call, sample, anchor }, { prediction }) {
        const { step, isSecond } = placeOf(call);
        const sigma = run.sigmas[call]!;
        const clean = cleanOfUnscaled(config.prediction_type, sigma, sample, prediction);
        if (call === run.timesteps.length - 1) return { sample: clean };
        const slope = linearCombination([1 / sigma, sample], [-1 / sigma, clean]);
        const begin = anchor ?? sample;
        const to = isSecond ? grid.sigmas[step + 1]! : run.sigmas[call + 1]!;
        const next = linearCombination([1, begin], [to - grid.sigmas[step]!, slope]);
        return isSecond ? { sample: next } : { sample: next, anchor: sample };
      },
    };
  },
});

/** The two KDPM2 classes of diffusers round the timesteps of Karras et al.'s spacing alone. */
export function wholeKarrasTimesteps(grid: SigmaGrid, isKarras: boolean): SigmaGrid {
  return isKarras ? { ...grid, timesteps: grid.timesteps.map(roundHalfEven) } : grid;
}
