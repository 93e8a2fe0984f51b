import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from './generator.js';

/** What diffusers' pipelines make with `clip_skip` (models/tiny/make-few-step.py). */
interface Golden {
  readonly prompt: string;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly steps: number;
  readonly clipSkip: number;
  readonly latents: readonly number[];
  readonly picture: readonly number[];
}

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe.each(['tiny/sd-turbo', 'tiny/sdxl'])('createGenerator with clipSkip on %s', (name) => {
  it('makes what diffusers makes', async () => {
    const cases = JSON.parse(await readText(modelStorage(name), 'golden-clip-skip.json')) as Golden[];
    for (const { latents: expected, picture, clipSkip, ...request } of cases) {
      const generator = await createGenerator({
        storage: modelStorage(name),
        runtime,
        prompts: { clipSkip },
      });
      const { images } = await generator.generate(request);
      const [image] = images;
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
      const off = expected.map((value, i) => Math.abs(value - image!.latents.data[i]!));
      expect(Math.max(...off), `${clipSkip}`).toBeLessThan(1e-3 * deviation);
      const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
      expect(Math.max(...levels), `${clipSkip}`).toBeLessThanOrEqual(1);
      await generator.dispose();
    }
  });

  it('refuses more layers than the encoder has', async () => {
    const opened = createGenerator({ storage: modelStorage(name), runtime, prompts: { clipSkip: 12 } });
    await expect(opened).rejects.toThrow(/clipSkip: the text encoder has no more layers .*got 12/);
  });
});

describe('generate with chunks', () => {
  const prompt = Array.from({ length: 90 }, (_, i) => (i % 2 === 0 ? 'red' : 'shoe')).join(' ');

  it.each(['tiny/sd-turbo', 'tiny/sdxl'])(
    'takes a long prompt whole on %s, and draws another picture',
    async (name) => {
      const request = { prompt, negativePrompt: 'blurry', seed: 7, steps: 1, guidanceScale: 3 };
      const pictures = [];
      for (const chunks of [1, 4]) {
        const generator = await createGenerator({
          storage: modelStorage(name),
          runtime,
          prompts: { chunks },
        });
        const { images, warnings } = await generator.generate(request);
        expect(warnings.some((warning) => warning.includes('too long'))).toBe(chunks === 1);
        pictures.push(images[0]!.latents.data);
        await generator.dispose();
      }
      expect(pictures[1]).not.toEqual(pictures[0]);
    },
  );

  it('gives prompts of one batch one length', async () => {
    const generator = await createGenerator({
      storage: modelStorage('tiny/sd-turbo'),
      runtime,
      prompts: { chunks: 4 },
      batch: 2,
    });
    const { images } = await generator.generate({
      prompts: ['a fox', prompt],
      seed: 7,
      steps: 1,
      guidanceScale: 0,
    });
    expect(images).toHaveLength(2);
    await generator.dispose();
  });
});
