import type { Denoiser } from '@cachequant/pipeline';
import { createSampler } from '@cachequant/samplers';
import { afterEach, expect, it, vi } from 'vitest';
import type { CalibrationContext } from '../calibration-context.js';
import { measureImage } from './measure-image.js';

afterEach(() => vi.restoreAllMocks());

it('measureImage takes the time of denoising and decoding, each once', async () => {
  let milliseconds = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => milliseconds);
  const denoiser: Denoiser = {
    sampleInput: { name: 'sample', dtype: 'float32', dims: [null, 1, 2, 2] },
    conditioningInputs: [],
    stats: { fullCalls: 0, cachedCalls: 0 },
    kindOf: () => 'float',
    async predict({ sample }) {
      milliseconds += 40;
      return sample;
    },
    reset() {},
    dispose: async () => {},
  };
  const context = {
    sampler: createSampler({ _class_name: 'DDIMScheduler', clip_sample: false }, { steps: 3 }),
    guidanceScale: 1,
    latentDims: [1, 2, 2],
    toPicture: async () => {
      milliseconds += 7;
      return { width: 2, height: 2, rgb: new Uint8Array(12) };
    },
  } as unknown as CalibrationContext;
  const image = { prompt: '', seed: 1, conditioning: {}, unconditional: undefined };
  const { seconds, calls, decoderMs } = await measureImage(context, denoiser, image);
  expect(seconds).toBeCloseTo((3 * 40 + 7) / 1000, 12);
  expect(calls.map(({ ms }) => ms)).toEqual([40, 40, 40]);
  expect(decoderMs).toBe(7);
});
