import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { tinyMask, tinyPicture } from '../__fixtures__/tiny-pictures.js';
import { createGenerator, type Generator } from './generator.js';

/** What diffusers makes of a picture (models/tiny/make-image-pipelines.py, make-image-to-image.py). */
interface Golden {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly steps: number;
  readonly strength: number;
  readonly sampler?: string;
  readonly latents: readonly number[];
  readonly picture: readonly number[];
}

const RUNS = [
  ['sd', 'image-to-image', 'StableDiffusionImg2ImgPipeline'],
  ['sd', 'inpainting', 'StableDiffusionInpaintPipeline'],
  ['sd-inpainting', 'inpainting', 'StableDiffusionInpaintPipeline'],
  ['sdxl', 'image-to-image', 'StableDiffusionXLImg2ImgPipeline'],
  ['sd3', 'image-to-image', 'StableDiffusion3Img2ImgPipeline'],
  ['sd35', 'image-to-image', 'StableDiffusion3Img2ImgPipeline'],
  ['flux-dev', 'image-to-image', 'FluxImg2ImgPipeline'],
  ['flux-schnell', 'image-to-image', 'FluxImg2ImgPipeline'],
] as const;

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe.each(RUNS)('createGenerator on tiny/%s, %s', (folder, task, pipeline) => {
  let generator: Generator;
  let cases: readonly Golden[];
  beforeAll(async () => {
    const storage = modelStorage(`tiny/${folder}`);
    cases = JSON.parse(await readText(storage, `${task}.json`));
    generator = await createGenerator({ storage, runtime });
  });
  afterAll(() => generator.dispose());

  it(`makes what ${pipeline} makes, of each strength and sampler`, async () => {
    expect(cases.length).toBeGreaterThan(0);
    for (const { latents: expected, picture, ...request } of cases) {
      const pictures = { image: tinyPicture, ...(task === 'inpainting' && { mask: tinyMask }) };
      const { images } = await generator.generate({ ...request, ...pictures });
      const [image] = images;
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
      const off = expected.map((value, i) => Math.abs(value - image!.latents.data[i]!));
      expect(Math.max(...off), `seed ${request.seed}`).toBeLessThan(1e-3 * deviation);
      const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
      expect(Math.max(...levels), `seed ${request.seed}`).toBeLessThanOrEqual(1);
    }
  });
});
