import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../generate/generation-request.js';
import { createGenerator, type Generator } from '../generate/generator.js';
import { modelStorage } from './models.js';

/** What a pipeline of diffusers makes of a request (models/tiny/make-pipelines.py, make-transformers.py). */
interface Golden extends Omit<GenerationRequest, 'latents'> {
  readonly seed: number;
  readonly steps: number;
  readonly latents: readonly number[];
  /** 0 to 255, as in a picture's file. */
  readonly picture: readonly number[];
}

async function readGolden(folder: string): Promise<Golden[]> {
  return JSON.parse(await readText(modelStorage(folder), 'golden.json')) as Golden[];
}

/** Checks pictures against those of diffusers: latents within 1e-3 of their deviation, pictures within one of 255. */
export async function describeGolden(
  folder: string,
  more: (generator: () => Generator) => void = () => {},
): Promise<void> {
  const cases = await readGolden(folder);
  describe(`createGenerator on models/${folder}`, () => {
    let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
    let generator: Generator;
    beforeAll(async () => {
      runtime = await createNodeRuntime({ threads: 1 });
      generator = await createGenerator({ storage: modelStorage(folder), runtime });
    });
    afterAll(async () => {
      await generator.dispose();
      await runtime.dispose();
    });

    it.each(cases.map((golden) => ({ golden, asked: askedIn(golden) })))(
      'makes what diffusers makes of $asked',
      async ({ golden }) => {
        const { latents: expected, picture, ...request } = golden;
        const [image] = (await generator.generate(request)).images;
        const scale = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
        expect(image!.latents.data).toHaveLength(expected.length);
        const off = expected.map((value, i) => Math.abs(value - image!.latents.data[i]!));
        expect(Math.max(...off)).toBeLessThan(1e-3 * scale);
        const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
        expect(Math.max(...levels)).toBeLessThanOrEqual(1);
      },
    );

    more(() => generator);
  });
}

function askedIn({ latents: _, picture: __, ...request }: Golden): string {
  return JSON.stringify(request);
}
