import { createNodeRuntime } from '@cachequant/runtime-node';
import { createSampler } from '@cachequant/samplers';
import { type Runtime, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { floats } from '../__fixtures__/fake-session.js';
import { modelStorage } from '../__fixtures__/models.js';
import { loadFloatDenoiser } from '../generate/generator-parts.js';
import { openModelFolder } from '../model/model-folder.js';
import type { Conditioning } from './denoiser.js';
import { initialNoise } from './initial-noise.js';
import { sampleLatents } from './sample-latents.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

/** Conditioning for two images, constant within each. */
function constant(first: number, second: number, ...dims: number[]) {
  const filled = tensor('float32', [2, ...dims]);
  filled.data.fill(first, 0, filled.data.length / 2).fill(second, filled.data.length / 2);
  return filled;
}

const text = { encoder_hidden_states: constant(0.1, -0.2, 7, 32) };

it.each<[string, [number, number, number], Conditioning]>([
  ['sd-unet-float-timestep', [4, 16, 16], text],
  ['sd-unet-dynamo', [4, 16, 16], text],
  ['sdxl-unet', [4, 16, 16], { ...text, text_embeds: constant(1, 2, 32), time_ids: constant(64, 64, 6) }],
  ['dit', [4, 16, 16], { class_labels: floats([2], 3, 8) }],
  ['ddpm-unet', [3, 32, 32], {}],
])('floatDenoiser runs %s, and each image of a batch as alone', async (name, shape, conditioning) => {
  const denoiser = await loadFloatDenoiser(await openModelFolder(modelStorage(`tiny/${name}`)), runtime);
  const sampler = createSampler({ _class_name: 'DDIMScheduler', clip_sample: false }, { steps: 2 });
  const both = await sampleLatents({ denoiser, sampler, conditioning, ...initialNoise([1, 2], shape) });
  expect(both.latents.dims).toEqual([2, ...shape]);

  const second = Object.fromEntries(
    Object.entries(conditioning).map(([key, { dims, data }]) => {
      const half = (data as Float32Array).slice(data.length / 2);
      return [key, tensor('float32', [1, ...dims.slice(1)], half)];
    }),
  );
  const alone = await sampleLatents({ denoiser, sampler, conditioning: second, ...initialNoise([2], shape) });
  const inBatch = both.latents.data.subarray(alone.latents.data.length);
  const worst = alone.latents.data.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - inBatch[i]!)),
    0,
  );
  expect(worst).toBeLessThan(1e-4);
  await denoiser.dispose();
});
