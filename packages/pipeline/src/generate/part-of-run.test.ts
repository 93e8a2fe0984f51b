import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { tinyPicture } from '../__fixtures__/tiny-pictures.js';
import { createGenerator, type Generator } from './generator.js';

/** What diffusers makes of a run that the base model of SDXL begins and the refiner ends (make-image-to-image.py). */
interface Golden {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly steps: number;
  readonly share: number;
  readonly handed: readonly number[];
  readonly latents: readonly number[];
  readonly picture: readonly number[];
}

const REQUEST = { prompt: 'a red shoe!', guidanceScale: 1, steps: 4 };
const LATENTS = tensor('float32', [1, 4, 16, 16]);

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
let base: Generator;
let refiner: Generator;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  base = await createGenerator({ storage: modelStorage('tiny/sdxl'), runtime });
  refiner = await createGenerator({ storage: modelStorage('tiny/sdxl-refiner'), runtime });
});
afterAll(async () => {
  await base.dispose();
  await refiner.dispose();
  await runtime.dispose();
});

function requireNear(given: ArrayLike<number>, expected: readonly number[], share: number): void {
  const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
  const off = expected.map((value, i) => Math.abs(value - given[i]!));
  expect(Math.max(...off)).toBeLessThan(share * deviation);
}

describe('generate({ denoisingEnd }) and generate({ denoisingStart, latents })', () => {
  it('hand a run over from the base model of SDXL to its refiner, as diffusers does', async () => {
    const cases = JSON.parse(
      await readText(modelStorage('tiny/sdxl-refiner'), 'from-base.json'),
    ) as readonly Golden[];
    expect(cases.length).toBe(2);
    for (const { share, handed, latents, picture, ...request } of cases) {
      const begun = await base.generate({ ...request, denoisingEnd: share });
      requireNear(begun.images[0]!.latents.data, handed, 1e-3);
      const made = { denoisingStart: share, latents: begun.images[0]!.latents };
      const { images, timings } = await refiner.generate({ ...request, ...made });
      requireNear(images[0]!.latents.data, latents, 1e-3);
      const levels = picture.map((value, i) => Math.abs(value - images[0]!.rgb[i]!));
      expect(Math.max(...levels)).toBeLessThanOrEqual(1);
      const calls = (result: typeof begun) => result.timings.runs[0]!.calls.length;
      expect(calls(begun) + timings.runs[0]!.calls.length).toBe(request.steps);
    }
  });

  it('make with one model what it makes alone', async () => {
    const [whole] = (await base.generate(REQUEST)).images;
    const [begun] = (await base.generate({ ...REQUEST, denoisingEnd: 0.5 })).images;
    const ended = { denoisingStart: 0.5, latents: begun!.latents };
    const [joined] = (await base.generate({ ...REQUEST, ...ended })).images;
    expect(joined!.latents).toEqual(whole!.latents);
  });

  it.each([
    [
      'latents without a place to begin',
      { latents: LATENTS },
      /denoisingStart.*denoisingStart and latents together/,
    ],
    [
      'a place to begin without latents',
      { denoisingStart: 0.5 },
      /latents.*denoisingStart and latents together/,
    ],
    ['an end without a call', { denoisingEnd: 0.001 }, /none of 4 calls/],
    [
      'an end before the beginning',
      { denoisingEnd: 0.3, denoisingStart: 0.6, latents: LATENTS },
      /none of 4 calls/,
    ],
    ['a picture to change', { denoisingEnd: 0.5, image: tinyPicture }, /is not shared out/],
    [
      'latents of another size',
      { denoisingStart: 0.5, latents: tensor('float32', [1, 4, 8, 8]) },
      /another size/,
    ],
    ['several pictures', { denoisingStart: 0.5, latents: LATENTS, count: 2 }, /latents are of one picture/],
    ['a sampler of two calls a step', { denoisingEnd: 0.5, sampler: 'heun' }, /several calls a step/],
    [
      'latents that are none',
      { denoisingStart: 0.5, latents: 'noise' as never },
      /latents.*a float32 tensor/,
    ],
  ])('refuse %s', async (_, fields, message) => {
    await expect(base.generate({ ...REQUEST, ...fields })).rejects.toThrow(message);
  });
});
