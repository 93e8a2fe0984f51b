import { CacheQuantError } from '@cachequant/tensor';
import { linspace, roundHalfEven } from './rounding.js';
import { sigmaAt, timestepsOf } from './sigma-spacing.js';

/** Timesteps of ten steps that were optimized for a model; they assume its schedule of 1000 training timesteps. */
const TEN_STEPS = {
  'align-your-steps-sd15': [999, 850, 736, 645, 545, 455, 343, 233, 124, 24],
  'align-your-steps-sdxl': [999, 845, 730, 587, 443, 310, 193, 116, 53, 13],
} as const;

/** A list of timesteps that goes by a name. */
export type ScheduleName = keyof typeof TEN_STEPS;

/** The models that there are timesteps of Align Your Steps for. */
export const SCHEDULE_NAMES = Object.keys(TEN_STEPS) as readonly ScheduleName[];

const TRAIN_STEPS = 1000;

/**
 * The timesteps of Align Your Steps. Other numbers of steps than ten interpolate the logarithms of the noise levels,
 * from the first to that of timestep 0, as the authors advise, and round to whole timesteps.
 * Source: Sabour et al., Align Your Steps, section 4 and appendix, https://arxiv.org/abs/2404.14507.
 * @param trainSigmas σ/α of every training timestep
 * @returns [steps], descending
 * @throws CacheQuantError `unsupported` for another number of training timesteps, `invalid-argument` where so many
 * steps would share timesteps
 */
export function alignYourSteps(name: ScheduleName, steps: number, trainSigmas: Float32Array): number[] {
  if (trainSigmas.length !== TRAIN_STEPS) {
    throw new CacheQuantError('unsupported', `${name} is made for ${TRAIN_STEPS} training timesteps`, {
      where: 'createSampler timesteps',
      expected: `num_train_timesteps ${TRAIN_STEPS}`,
      got: String(trainSigmas.length),
    });
  }
  const tens: readonly number[] = TEN_STEPS[name];
  if (steps === tens.length) return [...tens];
  const logs = Float32Array.from([...tens, 0], (timestep) => Math.log(sigmaAt(trainSigmas, timestep)));
  const sigmas = linspace(0, tens.length, steps + 1).map((position) => Math.exp(sigmaAt(logs, position)));
  const timesteps = timestepsOf(sigmas.slice(0, -1), trainSigmas).map(roundHalfEven);
  if (timesteps.every((timestep, i) => i === 0 || timestep < timesteps[i - 1]!)) return timesteps;
  throw new CacheQuantError('invalid-argument', `${steps} steps are too many for ${name}`, {
    where: 'createSampler timesteps',
    expected: 'a timestep of its own for every step',
    hint: 'Use fewer steps',
  });
}
