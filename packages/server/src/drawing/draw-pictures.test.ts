import type { GenerationRequest, GenerationStep } from '@cachequant/pipeline';
import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import type { LoadedModel } from '../models/served-model.js';
import { drawPictures } from './draw-pictures.js';
import type { PictureOrder } from './picture-order.js';

const BY_DECODER = { width: 2, height: 2, rgb: new Uint8Array(12).fill(9) };
const FITTED = [
  [0, 100],
  [0, 100],
  [0, 100],
];

function model(changes: Partial<LoadedModel>): LoadedModel {
  const generate = async ({ onStep }: GenerationRequest) => {
    for (const call of [0, 1]) {
      const latents = tensor('float32', [1, 1, 1, 1]);
      const step = { call, calls: 2, latents, preview: async () => BY_DECODER };
      await onStep?.(step as unknown as GenerationStep);
    }
    return { images: [BY_DECODER], warnings: [], timings: { totalMs: 1 } };
  };
  return {
    generator: { generate, defaults: { steps: 2, guidanceScale: 1 }, dispose: async () => {} } as never,
    takesText: false,
    pixelsPerLatent: 2,
    ...changes,
  };
}

const ORDER = { via: 'openai', prompt: '', seed: 0, count: 1, partialPictures: 1 } as unknown as PictureOrder;

describe('drawPictures shows unfinished pictures', () => {
  test.each<[string, Partial<LoadedModel>, number]>([
    ['by fitted colours, without the decoder', { preview: FITTED }, 100],
    ['by the tiny decoder, where there is one', { preview: FITTED, hasTinyDecoder: true }, 9],
    ['by the decoder, where nothing else is', {}, 9],
  ])('%s', async (_, changes, level) => {
    const partials: Uint8Array[] = [];
    await drawPictures(model(changes), ORDER, {
      signal: new AbortController().signal,
      onPartial: async ({ rgb }) => {
        partials.push(Uint8Array.from(rgb));
      },
    });
    expect(partials).toEqual([new Uint8Array(12).fill(level)]);
  });
});
