import { createSampler } from '@cachequant/samplers';
import { describe, expect, it } from 'vitest';
import type { PreparedSource } from '../prepare/prepare-source.js';
import { samplerSettings } from './settings.js';

const PLMS = { _class_name: 'PNDMScheduler', skip_prk_steps: true, steps_offset: 1 };

function settingsOf(scheduler: Record<string, unknown>, steps: number) {
  const prepared = { sampler: createSampler(scheduler, { steps }), folder: { scheduler } };
  return samplerSettings(prepared as unknown as PreparedSource, undefined);
}

const brief = (settings: ReturnType<typeof settingsOf>) =>
  settings.map(({ sampler = 'own', steps, floatIntervals }) => [sampler, steps, [...floatIntervals]]);

describe('samplerSettings', () => {
  it('tries float with a cache for the original and for the most steps of DPM-Solver++', () => {
    expect(brief(settingsOf(PLMS, 50))).toEqual([
      ['own', 50, [1, 2, 3, 4, 5, 10]],
      ['own', 25, [1]],
      ['dpm-solver++', 50, [1, 2, 3, 4, 5, 10]],
      ['dpm-solver++', 25, [1]],
      ['dpm-solver++', 20, [1]],
      ['dpm-solver++', 15, [1]],
      ['dpm-solver++', 10, [1]],
    ]);
  });

  it('takes the most steps that the original has, with the intervals that leave a refresh to forecast from', () => {
    expect(brief(settingsOf(PLMS, 20)).slice(2)).toEqual([
      ['dpm-solver++', 20, [1, 2, 3, 4, 5]],
      ['dpm-solver++', 15, [1]],
      ['dpm-solver++', 10, [1]],
    ]);
  });

  it('tries no other sampler where the original has that one, too few steps, or noise of its own', () => {
    const own = (settings: ReturnType<typeof settingsOf>) => settings.map(({ sampler }) => sampler);
    expect(own(settingsOf({ _class_name: 'DPMSolverMultistepScheduler' }, 50))).toEqual([
      undefined,
      undefined,
    ]);
    expect(own(settingsOf(PLMS, 6))).toEqual([undefined]);
    expect(own(settingsOf({ _class_name: 'EulerAncestralDiscreteScheduler' }, 50))).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('leaves no interval to float that integers are not tried at', () => {
    for (const { intervals, floatIntervals } of settingsOf(PLMS, 50)) {
      expect(intervals).toEqual(expect.arrayContaining([...floatIntervals]));
    }
  });
});
