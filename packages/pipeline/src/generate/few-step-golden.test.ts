import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText, type Storage } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportedLcm, modelCopy, modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from './generator.js';

/** What diffusers' pipelines make (models/tiny/make-few-step.py). */
interface Golden {
  readonly prompt: string;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly steps: number;
  readonly latents: readonly number[];
  readonly picture: readonly number[];
}

const SCHEDULER = 'scheduler/scheduler_config.json';

/** The weights of models/tiny/sdxl with another sampler. */
async function sdxlWith(name: string): Promise<Storage> {
  const config = JSON.parse(await readText(modelStorage('tiny/sdxl'), SCHEDULER)) as object;
  const trailing = { ...config, _class_name: name, timestep_spacing: 'trailing' };
  return modelCopy('tiny/sdxl', { [SCHEDULER]: JSON.stringify(trailing) });
}

const MODELS: readonly (readonly [name: string, open: () => Promise<Storage>, golden: string])[] = [
  ['a latent consistency model', async () => modelStorage('tiny/lcm'), 'tiny/lcm/golden.json'],
  ['a latent consistency model as ONNX', exportedLcm, 'tiny/lcm/golden.json'],
  ['SD-Turbo', async () => modelStorage('tiny/sd-turbo'), 'tiny/sd-turbo/golden.json'],
  ['SDXL-Turbo', () => sdxlWith('EulerAncestralDiscreteScheduler'), 'tiny/sdxl/golden-turbo.json'],
  ['SDXL-Lightning', () => sdxlWith('EulerDiscreteScheduler'), 'tiny/sdxl/golden-lightning.json'],
];

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe.each(MODELS)('createGenerator on a folder of %s', (_, open, file) => {
  it('makes what diffusers makes', async () => {
    const cases = JSON.parse(await readText(modelStorage('.'), file)) as Golden[];
    const generator = await createGenerator({ storage: await open(), runtime });
    for (const { latents: expected, picture, ...request } of cases) {
      const { images } = await generator.generate(request);
      const [image] = images;
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
      const off = expected.map((value, i) => Math.abs(value - image!.latents.data[i]!));
      expect(Math.max(...off), request.prompt).toBeLessThan(1e-3 * deviation);
      const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
      expect(Math.max(...levels), request.prompt).toBeLessThanOrEqual(1);
    }
    await generator.dispose();
  });
});

describe('generate of a model of few steps', () => {
  const request = { prompt: 'a red shoe!', seed: 7 };

  it('takes four steps without guidance for a sampler of trailing timesteps, and says so', async () => {
    const generator = await createGenerator({ storage: modelStorage('tiny/sd-turbo'), runtime });
    expect(generator.defaults).toEqual({ steps: 4, guidanceScale: 0 });
    const { images, warnings } = await generator.generate({ ...request, strict: true });
    expect(warnings.join()).toMatch(/trailing timesteps .* 4 steps without guidance/);
    const asked = await generator.generate({ ...request, steps: 4, guidanceScale: 0 });
    expect(asked.warnings).toEqual([]);
    expect(asked.images[0]!.rgb).toEqual(images[0]!.rgb);
    await generator.dispose();
  });

  it('feeds a latent consistency model its guidance scale, 8.5 unless it is asked for another', async () => {
    const generator = await createGenerator({ storage: modelStorage('tiny/lcm'), runtime });
    expect(generator.defaults).toEqual({ steps: 4, guidanceScale: 8.5 });
    const usual = await generator.generate(request);
    const same = await generator.generate({ ...request, guidanceScale: 8.5 });
    const other = await generator.generate({ ...request, guidanceScale: 2 });
    expect(same.images[0]!.rgb).toEqual(usual.images[0]!.rgb);
    expect(other.images[0]!.rgb).not.toEqual(usual.images[0]!.rgb);
    expect(usual.warnings).toEqual([]);
    await generator.dispose();
  });

  it('warns of a negative prompt that a latent consistency model cannot take', async () => {
    const generator = await createGenerator({ storage: modelStorage('tiny/lcm'), runtime });
    const { warnings } = await generator.generate({ ...request, negativePrompt: 'blurry' });
    expect(warnings).toEqual(['The negative prompt has no effect: the model takes none.']);
    await generator.dispose();
  });
});
