import { possibleSampler } from '@cachequant/pipeline/internals';
import type { PreparedSource } from '../prepare/prepare-source.js';

/** A sampler and its steps, and the cache intervals to try with them. */
export interface SamplerSetting {
  /** Left out: the model's own. */
  readonly sampler: string | undefined;
  readonly steps: number;
  readonly intervals: readonly number[];
}

const INTERVALS = [1, 2, 3, 4, 5, 10] as const;
const FAST_SAMPLER = 'dpm-solver++';
/** As many as most originals have among them: it also passes less of what integers round on than PLMS does. */
const FAST_STEPS = [50, 25, 20, 15, 10] as const;

/**
 * What to try for a model: its own sampler with all and with half of its steps, and one that needs fewer, with every
 * interval that leaves a refresh to forecast from. The first is the original's.
 */
export function samplerSettings(
  { sampler, folder }: PreparedSource,
  own: string | undefined,
): SamplerSetting[] {
  const settings = [
    setting(own, sampler.steps, sampler.calls),
    ...(sampler.steps >= 8
      ? [setting(own, Math.floor(sampler.steps / 2), Math.floor(sampler.steps / 2))]
      : []),
  ];
  const fits = (steps: number) =>
    steps <= sampler.steps && possibleSampler(folder.scheduler ?? {}, FAST_SAMPLER, steps) !== undefined;
  const isFast = sampler.name === 'DPMSolverMultistepScheduler';
  if (isFast || sampler.stochastic) return settings;
  return [...settings, ...FAST_STEPS.filter(fits).map((steps) => setting(FAST_SAMPLER, steps, steps))];
}

function setting(sampler: string | undefined, steps: number, calls: number): SamplerSetting {
  return {
    sampler,
    steps,
    intervals: INTERVALS.filter((interval) => interval === 1 || 4 * interval <= calls),
  };
}
