import { meanOf, psnr } from '@cachequant/evaluate';
import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from './__fixtures__/models.js';
import { optimize } from './optimize.js';
import type { OptimizeOptions } from './recipe.js';

const OPTIONS = {
  calibrationImages: 2,
  verificationImages: 2,
  offCalibrationImages: 0,
  layers: 'all',
  components: 'keep',
  floatGraphs: 'never',
} as const satisfies OptimizeOptions;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe('optimize of a model of few steps', () => {
  it.each([
    ['tiny/lcm', {}, { steps: 4, calls: 4 }, 8.5],
    ['tiny/sd-turbo', {}, { steps: 4, calls: 4 }, 0],
    ['tiny/sd-turbo', { steps: 1 }, { steps: 1, calls: 1 }, 0],
  ] as const)(
    'makes a bundle of %s with %o without a cache, and says why',
    async (name, options, sampler, scale) => {
      const [source, out] = [modelStorage(name), memoryStorage()];
      const summary = await optimize({
        source,
        work: memoryStorage(),
        out,
        runtime,
        options: { ...OPTIONS, ...options },
      });
      const { manifest, verification, warnings } = summary;
      expect(manifest.sampler).toMatchObject(sampler);
      expect(manifest.guidanceScale).toBe(scale);
      expect(manifest.denoiser.batch).toBe(1);
      expect(manifest.schedule).toMatchObject({
        interval: 1,
        refreshCalls: Array.from({ length: sampler.calls }, (_, call) => call),
      });
      expect(manifest.layers.some(({ compute }) => compute === 'integer')).toBe(true);
      expect(warnings.join('\n')).toMatch(/no cache: .* makes \d network call/);
      expect(verification.psnr).toBeGreaterThan(30);

      const request = { prompt: 'a red shoe!', seed: 7 };
      const original = await createGenerator({ storage: source, runtime });
      const bundle = await createBundleGenerator({ storage: out, runtime });
      const asked = { ...request, steps: sampler.steps };
      const quality = [];
      for (const other of [{}, { seed: 8 }]) {
        const [truth] = (await original.generate({ ...asked, ...other })).images;
        const made = await bundle.generate({ ...request, ...other });
        expect(made.warnings).toEqual([]);
        expect(made.timings.runs.flatMap(({ calls }) => calls.map(({ kind }) => kind))).toEqual(
          Array.from({ length: sampler.calls }, () => 'full'),
        );
        quality.push(Math.min(psnr(truth!, made.images[0]!), 100));
      }
      expect(meanOf(quality)).toBeGreaterThan(30);
      await Promise.all([original.dispose(), bundle.dispose()]);
    },
    240_000,
  );

  it('measures a latent consistency model at other guidance scales, which a bundle then warns of', async () => {
    const out = memoryStorage();
    const source = modelStorage('tiny/lcm');
    const options = { ...OPTIONS, offCalibrationImages: 1 };
    const { manifest } = await optimize({ source, work: memoryStorage(), out, runtime, options });
    const measured = manifest.offCalibration.filter(({ kind }) => kind === 'guidance scale');
    expect(measured.map(({ value }) => value)).toEqual([4.25, 17]);
    const bundle = await createBundleGenerator({ storage: out, runtime });
    const { warnings } = await bundle.generate({ prompt: 'a red shoe!', seed: 7, guidanceScale: 4.25 });
    expect(warnings.join()).toMatch(/calibrated at guidance scale 8.5; at 4.25, pictures measured/);
    await bundle.dispose();
  }, 240_000);
});
