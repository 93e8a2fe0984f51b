import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlledStorage, modelStorage } from '../__fixtures__/models.js';
import { tinyControl, tinyPicture } from '../__fixtures__/tiny-pictures.js';
import type { GenerationRequest } from './generation-request.js';
import { createGenerator, type Generator } from './generator.js';

/** What diffusers makes of a picture (models/tiny/make-controlnet.py). */
interface Golden extends Omit<GenerationRequest, 'latents'> {
  readonly latents: readonly number[];
  readonly picture: readonly number[];
}

const RUNS = [
  ['sd', 'controlnet', 'golden', 'StableDiffusionControlNetPipeline'],
  ['sd', 'controlnet', 'image-to-image', 'StableDiffusionControlNetImg2ImgPipeline'],
  ['sdxl', 'controlnet-sdxl', 'golden', 'StableDiffusionXLControlNetPipeline'],
] as const;

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe.each(RUNS)('createGenerator on tiny/%s and tiny/%s, %s', (model, control, task, pipeline) => {
  let generator: Generator;
  let cases: readonly Golden[];
  beforeAll(async () => {
    cases = JSON.parse(await readText(modelStorage(`tiny/${control}`), `${task}.json`));
    generator = await createGenerator({
      storage: await controlledStorage(`tiny/${model}`, `tiny/${control}`),
      runtime,
    });
  });
  afterAll(() => generator.dispose());

  it(`makes what ${pipeline} makes`, async () => {
    expect(cases.length).toBeGreaterThan(0);
    for (const { latents: expected, picture, ...request } of cases) {
      const { images } = await generator.generate({
        ...request,
        controlImage: tinyControl,
        ...(task === 'image-to-image' && { image: tinyPicture }),
      });
      const [image] = images;
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
      const off = expected.map((value, i) => Math.abs(value - image!.latents.data[i]!));
      expect(Math.max(...off), `seed ${request.seed}`).toBeLessThan(1e-3 * deviation);
      const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
      expect(Math.max(...levels), `seed ${request.seed}`).toBeLessThanOrEqual(1);
    }
  });
});
