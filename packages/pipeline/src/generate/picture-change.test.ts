import { createNodeRuntime } from '@cachequant/runtime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { tinyMask, tinyPicture } from '../__fixtures__/tiny-pictures.js';
import type { GenerationRequest } from './generation-request.js';
import { createGenerator, type Generator } from './generator.js';

const REQUEST = { prompt: 'a shoe', steps: 4, guidanceScale: 1, image: tinyPicture };
const SMALL = { width: 16, height: 16, rgb: new Uint8Array(16 * 16 * 3) };

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe('createGenerator on tiny/sd', () => {
  let generator: Generator;
  beforeAll(async () => {
    generator = await createGenerator({ storage: modelStorage('tiny/sd'), runtime });
  });
  afterAll(() => generator.dispose());

  it.each([
    [{ image: undefined, mask: tinyMask }, 'mask', 'there is no picture to change'],
    [{ image: undefined, strength: 0.5 }, 'strength', 'there is no picture to change'],
    [{ width: 64 }, 'width', 'it differs from the size of the picture to change'],
    [{ mask: SMALL }, 'mask width', 'it differs from the size of the picture to change'],
    [{ image: { ...SMALL, width: 17 } }, 'image', 'the value is invalid'],
    [{ image: 'picture.png' as never }, 'image', 'the value is invalid'],
    [{ strength: 0 }, 'strength', 'the value is invalid'],
    [{ strength: 1.5 }, 'strength', 'the value is invalid'],
    [{ strength: 0.2 }, 'PNDMScheduler', 'strength 0.2 leaves none of 4 steps'],
    [
      { image: { width: 15, height: 16, rgb: new Uint8Array(15 * 16 * 3) } },
      'width',
      'cannot make this size',
    ],
  ] satisfies [GenerationRequest, string, string][])(
    'refuses %j before anything runs',
    async (change, where, message) => {
      await expect(generator.generate({ ...REQUEST, ...change })).rejects.toMatchObject({
        code: 'invalid-argument',
        where,
        message: expect.stringContaining(message),
      });
    },
  );

  it('makes the last steps, as many as the strength says, which gives other pictures', async () => {
    const changed: number[] = [];
    for (const [strength, calls] of [
      [0.25, 2],
      [0.5, 3],
      [1, 5],
    ] as const) {
      const steps: [number, number][] = [];
      const { images } = await generator.generate({
        ...REQUEST,
        strength,
        onStep: ({ call, calls }) => {
          steps.push([call, calls]);
        },
      });
      expect(steps).toEqual(Array.from({ length: calls }, (_, call) => [call, calls]));
      const { rgb, width, height } = images[0]!;
      expect([width, height]).toEqual([tinyPicture.width, tinyPicture.height]);
      changed.push(rgb.reduce((sum, value, i) => sum + Math.abs(value - tinyPicture.rgb[i]!), 0));
    }
    expect(changed[0]).not.toBe(changed[1]);
    expect(changed[1]).not.toBe(changed[2]);
  });

  it('keeps the latents that the mask leaves, whatever the prompt', async () => {
    const request = { ...REQUEST, mask: tinyMask, sampler: 'ddim' };
    const [first] = (await generator.generate(request)).images;
    const [second] = (await generator.generate({ ...request, prompt: 'a red fox on green' })).images;
    // At a latent of the lower half, and at one of the painted corner.
    const [kept, painted] = [15 * 16 + 2, 2 * 16 + 12];
    expect(first!.latents.data[kept]).toBe(second!.latents.data[kept]);
    expect(first!.latents.data[painted]).not.toBe(second!.latents.data[painted]);
  });

  it('gives each image of a batch what it would get alone', async () => {
    const batched = await createGenerator({ storage: modelStorage('tiny/sd'), runtime, batch: 2 });
    try {
      const request = { ...REQUEST, mask: tinyMask, count: 2, seed: 3 };
      const together = (await batched.generate(request)).images;
      const apart = (await generator.generate(request)).images;
      for (const [i, { latents }] of together.entries()) {
        const off = latents.data.map((value, at) => Math.abs(value - apart[i]!.latents.data[at]!));
        expect(Math.max(...off)).toBeLessThan(1e-4);
      }
    } finally {
      await batched.dispose();
    }
  });
});

it('createGenerator on a model for inpainting asks for picture and mask', async () => {
  const generator = await createGenerator({ storage: modelStorage('tiny/sd-inpainting'), runtime });
  try {
    const { image, ...textAlone } = REQUEST;
    await expect(generator.generate(textAlone)).rejects.toThrow(/image: .*the model is for inpainting/);
    await expect(generator.generate({ ...textAlone, image })).rejects.toThrow(/mask: the mask is missing/);
  } finally {
    await generator.dispose();
  }
});

it('createGenerator on a model without an encoder says so, and makes pictures from text', async () => {
  const source = modelStorage('fashion-sd');
  const encoders = (await source.list('vae_encoder')).map((path) => [path, undefined] as const);
  const storage = await modelCopy('fashion-sd', Object.fromEntries(encoders));
  const generator = await createGenerator({ storage, runtime });
  try {
    await generator.generate({ prompt: 'a shoe', steps: 1, guidanceScale: 1 });
    await expect(generator.generate(REQUEST)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('nothing that makes latents of pictures'),
    });
  } finally {
    await generator.dispose();
  }
});

it('createGenerator refuses a folder whose ControlNet is missing, which nothing would follow', async () => {
  const index = JSON.stringify({
    _class_name: 'StableDiffusionControlNetPipeline',
    controlnet: ['diffusers', 'ControlNetModel'],
  });
  const storage = await modelCopy('tiny/sd', { 'model_index.json': index });
  await expect(createGenerator({ storage, runtime })).rejects.toMatchObject({
    code: 'storage',
    where: 'controlnet/',
  });
});
