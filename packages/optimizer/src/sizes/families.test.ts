import { psnr } from '@cachequant/evaluate';
import { createBundleGenerator, createGenerator, type GenerationRequest } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { optimize } from '../optimize.js';
import type { OptimizeOptions } from '../recipe.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

/** In float and without a cache, so that a graph of another size has to make what the source model makes. */
const EXACT: OptimizeOptions = {
  ...{ steps: 4, interval: 1, calibrationImages: 1, verificationImages: 1, offCalibrationImages: 0 },
  bits: 'none',
  components: 'keep',
  floatGraphs: 'never',
  effort: 'fast',
};

const TEXT = { prompt: 'a fox', steps: 4, seed: 5 };

describe('optimize({ size }) of every kind of denoiser', () => {
  it.each<[string, string, readonly [string, string], GenerationRequest]>([
    ['U-Net with text', 'sd', ['32x32', '48x40'], TEXT],
    ['U-Net told the size of its picture', 'sdxl', ['32x32', '32x48'], TEXT],
    ['U-Net of pixels', 'ddpm', ['16x16', '24x16'], { steps: 4, seed: 5 }],
    ['transformer of classes', 'dit-pipeline', ['32x32', '48x32'], { classLabel: 1, steps: 4, seed: 5 }],
    ['transformer of two streams with positions', 'sd3', ['32x32', '48x32'], TEXT],
    ['transformer of packed latents with ids', 'flux-dev', ['32x32', '48x32'], TEXT],
    ['transformer with positions of its own size', 'pixart-sigma', ['32x32', '32x48'], TEXT],
  ])(
    'a %s: models/tiny/%s at %j',
    async (_, model, size, request) => {
      const source = modelStorage(`tiny/${model}`);
      const out = memoryStorage();
      const options = { ...EXACT, guidanceScale: 1, size: [...size] };
      const { manifest } = await optimize({ source, work: memoryStorage(), out, runtime, options });
      expect(manifest.sizes.map(({ width, height }) => `${width}x${height}`)).toEqual([size[1]]);
      expect(manifest.sizes[0]!.psnr).toBeGreaterThan(55);
      const [width, height] = size[1].split('x').map(Number) as [number, number];
      const asked = { ...request, guidanceScale: 1, width, height };
      const [generator, original] = [
        await createBundleGenerator({ storage: out, runtime }),
        await createGenerator({ storage: source, runtime }),
      ];
      const [made, expected] = [await generator.generate(asked), await original.generate(asked)];
      expect(made.images[0]).toMatchObject({ width, height });
      expect(psnr(expected.images[0]!, made.images[0]!)).toBeGreaterThan(55);
      await generator.dispose();
      await original.dispose();
    },
    240_000,
  );

  it.each([
    ['sd3', ['32x32', '48x32', '48x30']],
    ['sdxl', ['32x32', '33x32']],
  ])('refuses what models/tiny/%s cannot make, before anything runs: %j', async (model, size) => {
    const nothing = {
      ...runtime,
      capabilities: () => runtime.capabilities(),
      load: () => expect.unreachable(),
    };
    const request = { source: modelStorage(`tiny/${model}`), work: memoryStorage(), out: memoryStorage() };
    const options = { ...EXACT, size };
    await expect(
      optimize({ ...request, runtime: nothing as unknown as Runtime, options }),
    ).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });
});
