import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { timestepsOf } from '../schedules/sigma-spacing.js';
import { interleaved, placeOf } from '../schedules/two-call-grid.js';
import { ancestralSplit } from '../solvers/ancestral-split.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';
import { kdpm2Schema, wholeKarrasTimesteps } from './kdpm2.js';

/**
 * The midpoint method that goes below each noise level and adds new noise up to it; it draws in the second call of
 * each step, so not in the last step.
 * Source: Crowson, k-diffusion, sample_dpm_2_ancestral, https://github.com/crowsonkb/k-diffusion.
 */
export const kdpm2Ancestral = defineSampler({
  name: 'KDPM2AncestralDiscreteScheduler',
  shortNames: ['kdpm2-ancestral', 'kdpm2-a', 'dpm2-a'],
  takes: ['timesteps'],
  schema: kdpm2Schema,
  create(config, layout) {
    const grid = wholeKarrasTimesteps(sigmaGrid(config, layout), config.use_karras_sigmas);
    const splits = grid.sigmas
      .slice(0, -1)
      .map((sigma, step) => ancestralSplit(sigma, grid.sigmas[step + 1]!));
    const middles = splits.slice(0, -1).map(({ down }, step) => Math.sqrt(grid.sigmas[step]! * down));
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
      advance({ call, sample, anchor }, { prediction }, drawNoise) {
        const { step, isSecond } = placeOf(call);
        const sigma = run.sigmas[call]!;
        const clean = cleanOfUnscaled(config.prediction_type, sigma, sample, prediction);
        if (call === run.timesteps.length - 1) return { sample: clean };
        const slope = linearCombination([1 / sigma, sample], [-1 / sigma, clean]);
        const from = grid.sigmas[step]!;
        if (!isSecond) {
          const to = middles[step]!;
          return { sample: linearCombination([1, sample], [to - from, slope]), anchor: sample };
        }
        const { up, down } = splits[step]!;
        return { sample: linearCombination([1, anchor!], [down - from, slope], [up, drawNoise()]) };
      },
    };
  },
});
