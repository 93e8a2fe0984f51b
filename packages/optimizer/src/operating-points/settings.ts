import { possibleSampler } from '@cachequant/pipeline/internals';
import type { PreparedSource } from '../prepare/prepare-source.js';

/** A sampler and its steps, and the cache intervals to try with them. */
export interface SamplerSetting {
  /** Left out: the model's own. */
  readonly sampler: string | undefined;
  readonly steps: number;
  readonly intervals: readonly number[];
  /** Those of them to try in float too, where integers are asked for. */
  readonly floatIntervals: readonly number[];
}

const INTERVALS = [1, 2, 3, 4, 5, 10] as const;
const FAST_SAMPLER = 'dpm-solver++';
/** As many as most originals have among them: it also passes less of what integers round on than PLMS does. */
const FAST_STEPS = [50, 25, 20, 15, 10] as const;

/**
 * What to try for a model: its own sampler with all and with half of its steps, and one that needs fewer, with every
 * interval that leaves a refresh to forecast from. The first is the original's.
 *
 * Float is tried with a cache where there are many calls to leave out: with the original, and with the most steps of the
 * sampler that needs fewer. At 2.5 times the original's speed a float cache over 50 of these beat 20 without (models/fashion-sd).
 */
export function samplerSettings(
  { sampler, folder }: PreparedSource,
  own: string | undefined,
): SamplerSetting[] {
  const original = setting(own, sampler.steps, sampler.calls);
  const settings = [
    { ...original, floatIntervals: original.intervals },
    ...(sampler.steps >= 8
      ? [setting(own, Math.floor(sampler.steps / 2), Math.floor(sampler.steps / 2))]
      : []),
  ];
  const fits = (steps: number) =>
    steps <= sampler.steps && possibleSampler(folder.scheduler ?? {}, FAST_SAMPLER, steps) !== undefined;
  const isFast = sampler.name === 'DPMSolverMultistepScheduler';
  if (isFast || sampler.stochastic) return settings;
  const [most, ...fewer] = FAST_STEPS.filter(fits).map((steps) => setting(FAST_SAMPLER, steps, steps));
  return [...settings, ...(most ? [{ ...most, floatIntervals: most.intervals }] : []), ...fewer];
}

/** With a cache in integers alone. */
function setting(sampler: string | undefined, steps: number, calls: number): SamplerSetting {
  const intervals = INTERVALS.filter((interval) => interval === 1 || 4 * interval <= calls);
  return { sampler, steps, intervals, floatIntervals: [1] };
}
