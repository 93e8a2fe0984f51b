import { defineSampler } from '../definition.js';
import { distilledTimesteps } from '../schedules/distilled-timesteps.js';
import { alphaBars, noiseLevel } from '../schedules/noise-schedule.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { cleanSample, predictedNoise } from '../solvers/prediction.js';
import { refuseNoiseFromPureNoise } from './ddim.js';
import { distilledSchema } from './lcm.js';

const DEFAULT_ETA = 0.3;

/**
 * Trajectory consistency distillation: each call jumps along the path to a level below the next one, and new noise
 * brings it up again; `eta` says how far below, 0 without noise. It draws in every call but the last. As in
 * diffusers, predicted clean samples are never clipped, whatever the configuration says.
 * Source: Zheng et al., Trajectory Consistency Distillation, section 4.3 and algorithm 4,
 * https://arxiv.org/abs/2402.19159.
 */
export const tcd = defineSampler({
  name: 'TCDScheduler',
  shortNames: ['tcd'],
  takes: ['timesteps', 'eta'],
  schema: distilledSchema,
  create(config, layout) {
    const { steps, eta = DEFAULT_ETA } = layout;
    const { prediction_type: predictionType } = config;
    const bars = alphaBars(config);
    const timesteps = distilledTimesteps('TCDScheduler', config, layout);
    refuseNoiseFromPureNoise(predictionType, timesteps, bars);

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      predictionType,
      stochastic: eta > 0 && steps > 1,
      lookback: 0,
      levelAt: (call) => noiseLevel(bars[timesteps[call]!]!),
      advance({ call, sample }, { prediction }, drawNoise) {
        const level = noiseLevel(bars[timesteps[call]!]!);
        const nextTimestep = timesteps[call + 1] ?? 0;
        const landing = noiseLevel(bars[Math.floor((1 - eta) * nextTimestep)]!);
        const clean = cleanSample(predictionType, level, sample, prediction);
        const noise = predictedNoise(predictionType, level, sample, prediction);
        const landed = linearCombination([landing.signal, clean], [landing.noise, noise]);
        if (eta === 0 || call === steps - 1) return { sample: landed };
        const kept = bars[nextTimestep]! / landing.alphaBar;
        return { sample: linearCombination([Math.sqrt(kept), landed], [Math.sqrt(1 - kept), drawNoise()]) };
      },
    };
  },
});
