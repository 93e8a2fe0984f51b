import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { createGenerator, type Generator } from './generator.js';

/** What diffusers' StableDiffusionXLPipeline makes (models/tiny/make-pipelines.py). */
interface Golden {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly steps: number;
  readonly latents: readonly number[];
  readonly picture: readonly number[];
}

const storage = modelStorage('tiny/sdxl');
const cases = JSON.parse(await readText(storage, 'golden.json')) as Golden[];

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
let generator: Generator;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  generator = await createGenerator({ storage, runtime });
});
afterAll(async () => {
  await generator.dispose();
  await runtime.dispose();
});

describe('createGenerator on a folder of SDXL', () => {
  it.each(cases)(
    'makes what diffusers makes: $prompt, guidance $guidanceScale, seed $seed',
    async (golden) => {
      const { latents: expected, picture, ...request } = golden;
      const { images } = await generator.generate(request);
      const [image] = images;
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
      const off = expected.map((value, i) => Math.abs(value - image!.latents.data[i]!));
      expect(Math.max(...off)).toBeLessThan(1e-3 * deviation);
      const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
      expect(Math.max(...levels)).toBeLessThanOrEqual(1);
    },
  );

  it('warns of words that do not fit', async () => {
    const prompt = Array.from({ length: 90 }, () => 'shoe').join(' ');
    const { warnings } = await generator.generate({ prompt, steps: 1, guidanceScale: 1 });
    expect(warnings.join()).toMatch(/too long; left out: shoe/);
  });
});
