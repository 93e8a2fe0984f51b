import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, readText } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import type { GenerationRequest } from './generation-request.js';
import { createGenerator, type Generator, type ResolvedRequest } from './generator.js';
import { loadFloatDenoiser } from './generator-parts.js';

const PROMPT = 'a photo of a red sneaker';

describe('createGenerator(options)', () => {
  let runtime: Runtime;
  let generator: Generator;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
    generator = await createGenerator({ storage: modelStorage('fashion-sd'), runtime });
  });
  afterAll(async () => {
    await generator.dispose();
    await runtime.dispose();
  });

  it('gives image i of a request the seed + i, whatever the count and the batch', async () => {
    const request = { prompt: PROMPT, steps: 2, guidanceScale: 4 };
    const three = await generator.generate({ ...request, seed: 5, count: 3 });
    const [alone] = (await generator.generate({ ...request, seed: 6 })).images;
    expect(three.images.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    expect(three.images[1]).toEqual(alone);
    expect(three.images[0]!.rgb).not.toEqual(alone!.rgb);
    expect(three.timings.runs.map((run) => run.images)).toEqual([1, 1, 1]);

    const batched = await createGenerator({ storage: modelStorage('fashion-sd'), runtime, batch: 2 });
    const two = await batched.generate({ ...request, seed: 5, count: 3 });
    expect(two.timings.runs.map((run) => run.images)).toEqual([2, 1]);
    two.images.forEach((image, i) => {
      expect(largestDifference(image.latents.data, three.images[i]!.latents.data)).toBeLessThan(1e-4);
    });
    await batched.dispose();
  });

  it('makes each prompt count times, prompt after prompt', async () => {
    const { images } = await generator.generate({ prompts: ['blue dress', PROMPT], steps: 1, count: 2 });
    expect(images.map(({ prompt, seed }) => [prompt, seed])).toEqual([
      ['blue dress', 0],
      ['blue dress', 1],
      [PROMPT, 2],
      [PROMPT, 3],
    ]);
    expect(images[0]).toMatchObject({ width: 32, height: 32, latents: { dims: [1, 4, 16, 16] } });
  });

  it('reports each call, with a preview on request, and how long everything took', async () => {
    const seen: [number, number, number, number][] = [];
    const previews: number[] = [];
    const { images, timings } = await generator.generate({
      prompt: PROMPT,
      steps: 2,
      count: 2,
      onStep: async (step) => {
        seen.push([step.image, step.images, step.call, step.calls]);
        if (step.call === 2) previews.push(...(await step.preview()).rgb);
      },
    });
    // PNDM makes one call more than steps.
    expect(seen).toEqual([0, 1].flatMap((image) => [0, 1, 2].map((call) => [image, 2, call, 3])));
    expect(previews).toEqual(images.flatMap(({ rgb }) => [...rgb]));
    for (const run of timings.runs) {
      expect(run.calls.map(({ kind }) => kind)).toEqual(['float', 'float', 'float']);
      const parts = run.calls.reduce((sum, { ms }) => sum + ms, run.decoderMs);
      expect(run.totalMs).toBeGreaterThanOrEqual(parts);
    }
  });

  it('makes other sizes that the model allows', async () => {
    const { images } = await generator.generate({ prompt: PROMPT, steps: 1, width: 40, height: 24 });
    expect(images[0]).toMatchObject({ width: 40, height: 24, latents: { dims: [1, 4, 12, 20] } });
    expect(images[0]!.rgb).toHaveLength(40 * 24 * 3);
  });

  it('changes the picture with the negative prompt only under guidance', async () => {
    const make = async (negativePrompt: string, guidanceScale: number) => {
      const { images } = await generator.generate({
        prompt: PROMPT,
        steps: 1,
        negativePrompt,
        guidanceScale,
      });
      return images[0]!.latents.data;
    };
    expect(await make('blue', 3)).not.toEqual(await make('', 3));
    expect(await make('blue', 1)).toEqual(await make('', 1));
  });

  it.each([0, 0.5])(
    'makes of the prompt alone at a guidance scale of %d what it makes at 1',
    async (guidanceScale) => {
      const make = async (request: GenerationRequest) => {
        const { images } = await generator.generate({ prompt: PROMPT, steps: 2, ...request });
        return images[0]!;
      };
      expect(await make({ guidanceScale })).toEqual(await make({ guidanceScale: 1 }));
      expect(await make({ guidanceScale })).not.toEqual(await make({ guidanceScale, prompt: '' }));
    },
  );

  it('says that a negative prompt has no effect without guidance, and refuses it when strict', async () => {
    const request = { prompt: PROMPT, steps: 1, negativePrompt: 'blue', guidanceScale: 0 };
    const { warnings } = await generator.generate(request);
    expect(warnings).toEqual([expect.stringContaining('negative prompt has no effect')]);
    await expect(generator.generate({ ...request, strict: true })).rejects.toThrow('has no effect');
  });

  it('clips no latents for a configuration without clip_sample, and says so once, strict or not', async () => {
    const scheduler = JSON.parse(
      await readText(modelStorage('fashion-sd'), 'scheduler/scheduler_config.json'),
    ) as Record<string, unknown>;
    const picture = async (changes: Record<string, unknown>) => {
      const config = JSON.stringify({ ...scheduler, _class_name: 'DDIMScheduler', ...changes });
      const storage = await modelCopy('fashion-sd', { 'scheduler/scheduler_config.json': config });
      const own = await createGenerator({ storage, runtime });
      const { images, warnings } = await own.generate({ prompt: PROMPT, steps: 4, count: 2, strict: true });
      await own.dispose();
      return { rgb: images[0]!.rgb, warnings };
    };
    const explicit = await picture({ clip_sample: false, steps_offset: 1 });
    const outdated = await picture({ clip_sample: undefined, steps_offset: undefined });
    expect(outdated.rgb).toEqual(explicit.rgb);
    expect(outdated.warnings).toEqual([
      expect.stringContaining('clip_sample'),
      expect.stringContaining('steps_offset'),
    ]);
    expect(explicit.warnings).toEqual([]);
  });

  it('checks a request without running anything: refuses what generate refuses, gives its warnings', async () => {
    const check = (request: GenerationRequest) => generator.check(request);
    await expect(check({ prompt: PROMPT, width: 33 })).rejects.toMatchObject({
      code: 'invalid-argument',
      where: 'width',
    });
    await expect(check({ prompt: PROMPT, steps: 5000 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(check({ prompt: PROMPT, sampler: 'none' })).rejects.toThrow('there is no sampler "none"');
    await expect(check({})).rejects.toMatchObject({ where: 'prompt' });
    expect(await check({ prompt: PROMPT, negativePrompt: 'blurry', guidanceScale: 1 })).toEqual([
      expect.stringContaining('The negative prompt has no effect'),
    ]);
    expect(await check({ prompt: PROMPT, onStep: () => expect.unreachable() })).toEqual([]);
  });

  it('warns of a prompt that is cut, and refuses it when strict', async () => {
    const seen: string[] = [];
    const warning = 'the prompt is too long; left out: red sneaker';
    const prompt = `${'a '.repeat(14)}red sneaker`;
    const warned = await createGenerator({
      storage: modelStorage('fashion-sd'),
      runtime,
      onWarning: (message) => seen.push(message),
    });
    const { warnings } = await warned.generate({ prompt, steps: 1, count: 2 });
    expect([warnings, seen]).toEqual([[warning], [warning]]);
    await expect(warned.generate({ prompt, steps: 1, strict: true })).rejects.toThrow(warning);
    await warned.dispose();
  });

  it('stops within a call when the signal is aborted, and goes on to serve requests', async () => {
    const controller = new AbortController();
    const calls: number[] = [];
    const stopped = generator.generate({
      prompt: PROMPT,
      signal: controller.signal,
      onStep: ({ call }) => {
        calls.push(call);
        controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(calls).toEqual([0]);
    expect((await generator.generate({ prompt: PROMPT, steps: 1 })).images).toHaveLength(1);
  });

  it('runs requests that come at once one after another', async () => {
    const order: string[] = [];
    const request = (name: string) =>
      generator.generate({ prompt: PROMPT, steps: 2, onStep: () => void order.push(name) });
    await Promise.all([request('first'), request('second')]);
    expect(order).toEqual(['first', 'first', 'first', 'second', 'second', 'second']);
  });

  it.each([
    [{}, 'prompt: the prompt is missing'],
    [{ prompt: PROMPT, prompts: [PROMPT] }, 'prompt: give either prompt or prompts'],
    [{ prompt: 3 }, 'prompt: the value is invalid (expected string, got 3)'],
    [{ prompt: PROMPT, steps: 0 }, 'steps: the value is invalid (expected number to be >0, got 0)'],
    [{ prompt: PROMPT, steps: 2.5 }, 'steps: the value is invalid (expected int, got 2.5)'],
    [{ prompt: PROMPT, steps: 1001 }, '1001'],
    [{ prompt: PROMPT, seed: 0.5 }, 'seed: the value is invalid (expected int, got 0.5)'],
    [{ prompt: PROMPT, guidanceScale: Number.NaN }, 'guidanceScale: the value is invalid (expected number'],
    [{ prompt: PROMPT, count: -1 }, 'count: the value is invalid'],
    [
      { prompt: PROMPT, width: 30 },
      'width: the model cannot make this size (expected a multiple of 4, got 30)',
    ],
    [{ prompt: PROMPT, sampler: 'no such' }, 'there is no sampler "no such" here'],
    [{ prompt: PROMPT, stepz: 5 }, 'generate: Unrecognized key: "stepz"'],
    [{ prompt: PROMPT, signal: {} }, 'signal: the value is invalid (expected an AbortSignal'],
  ])('refuses %j', async (request, message) => {
    const run = generator.generate(request as { prompt: string });
    await expect(run).rejects.toMatchObject({
      name: 'CacheQuantError',
      message: expect.stringContaining(message),
    });
  });

  it('takes defaults from model_index.json, and from its options before that', async () => {
    const index = '{"_class_name": "StableDiffusionPipeline", "guidance_scale": 4, "num_inference_steps": 3}';
    const storage = await modelCopy('fashion-sd', { 'model_index.json': index });
    const own = await createGenerator({ storage, runtime });
    expect(own.defaults).toEqual({ guidanceScale: 4, steps: 3 });
    const { timings } = await own.generate({ prompt: PROMPT });
    expect(timings.runs[0]!.calls).toHaveLength(4);
    await own.dispose();
    const other = await createGenerator({ storage, runtime, defaults: { steps: 1, sampler: 'ddim' } });
    expect((await other.generate({ prompt: PROMPT })).timings.runs[0]!.calls).toHaveLength(1);
    await other.dispose();
  });

  it('lets another denoiser be loaded, and its owner look at every request', async () => {
    const plans: ResolvedRequest[] = [];
    const own = await createGenerator({
      storage: modelStorage('fashion-sd'),
      runtime,
      loadDenoiser: async (folder, given) => ({
        ...(await loadFloatDenoiser(folder, given)),
        kindOf: () => 'cached',
      }),
      beforeRun: (plan) => {
        plans.push(plan);
        return ['not as calibrated'];
      },
    });
    const { warnings, timings } = await own.generate({ prompt: PROMPT, steps: 1, guidanceScale: 2 });
    expect(plans).toMatchObject([
      { guidanceScale: 2, width: 32, height: 32, batch: 1, sampler: { steps: 1 } },
    ]);
    expect(warnings).toEqual(['not as calibrated']);
    expect(timings.runs[0]!.calls[0]!.kind).toBe('cached');
    await own.dispose();
  });

  it.each([
    [{ 'movq/model.onnx': 'x' }, 'the pictures are made by movq'],
    [
      { 'model_index.json': '{"unet": ["diffusers", "UNet2DModel"], "movq": ["diffusers", "VQModel"]}' },
      'made by movq',
    ],
    [
      { 'model_index.json': '{"unet": ["diffusers", "X"], "vae": ["diffusers", "AutoencoderKL"]}' },
      'the decoder is missing',
    ],
  ])('takes no latents for pixels: %j', async (files, message) => {
    const scheduler = { 'scheduler/scheduler_config.json': '{"_class_name": "DDPMScheduler"}' };
    const storage = await modelCopy('tiny/ddpm-unet', { ...scheduler, ...files });
    await expect(createGenerator({ storage, runtime })).rejects.toThrow(message);
  });

  it('takes a denoiser of pixels for one whatever parts its index leaves out', async () => {
    const index =
      '{"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"], "vae": [null, null]}';
    const storage = await modelCopy('tiny/ddpm-unet', {
      'scheduler/scheduler_config.json': '{"_class_name": "DDPMScheduler"}',
      'model_index.json': index,
    });
    const own = await createGenerator({ storage, runtime });
    await own.dispose();
  });

  it('refuses latents that nothing decodes, before anything runs', async () => {
    const storage = await modelCopy('tiny/sd-unet-float-timestep');
    await expect(createGenerator({ storage, runtime })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('the samples are not pictures, and there is no decoder'),
    });
  });

  it('makes pixels with a model that has neither text nor autoencoder', async () => {
    const storage = await modelCopy('tiny/ddpm-unet', {
      'scheduler/scheduler_config.json': '{"_class_name": "DDPMScheduler"}',
    });
    const own = await createGenerator({ storage, runtime });
    const { images } = await own.generate({ steps: 2, seed: 1 });
    expect(images[0]).toMatchObject({
      width: 32,
      height: 32,
      prompt: undefined,
      latents: { dims: [1, 3, 32, 32] },
    });
    await expect(own.generate({ prompt: PROMPT })).rejects.toThrow('the model takes no text');
    await own.dispose();
  });

  it.each([
    ['a bigint as seed', { seed: 7n }, 'seed: the value is invalid (expected number, got 7n)'],
    ['more images than a list holds', { count: 5e9 }, 'count: the value is invalid (expected at most 100000'],
    [
      'a picture of a billion pixels',
      { width: 1e9 },
      'width: the picture is too large (expected at most 16384',
    ],
  ])('refuses %s', async (_, request, message) => {
    const run = generator.generate({ prompt: PROMPT, ...request } as unknown as { prompt: string });
    await expect(run).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(message),
    });
  });

  it('refuses requests after dispose, which may be called again', async () => {
    const own = await createGenerator({ storage: modelStorage('fashion-sd'), runtime });
    await own.dispose();
    await own.dispose();
    await expect(own.generate({ prompt: PROMPT })).rejects.toThrow('the generator was disposed');
  });

  it.each([0, 1.5])('refuses a batch of %s', async (batch) => {
    const run = createGenerator({ storage: modelStorage('fashion-sd'), runtime, batch });
    await expect(run).rejects.toThrow('batch');
  });

  it('frees what was loaded when a later part fails', async () => {
    const disposed: string[] = [];
    const watched: Runtime = {
      ...runtime,
      load: async (source, options) => {
        const session = await runtime.load(source, options);
        return {
          ...session,
          inputs: session.inputs,
          outputs: session.outputs,
          run: (feeds, runOptions) => session.run(feeds, runOptions),
          endProfiling: () => session.endProfiling(),
          dispose: async () => {
            disposed.push('session');
            await session.dispose();
          },
        };
      },
    };
    const storage = await modelCopy('fashion-sd', { 'text_encoder/model.onnx': 'not a graph' });
    await expect(createGenerator({ storage, runtime: watched })).rejects.toMatchObject({
      name: 'CacheQuantError',
    });
    expect(disposed).toEqual(['session', 'session']);
  });
});

function largestDifference(first: Float32Array, second: Float32Array): number {
  return first.reduce((most, value, i) => Math.max(most, Math.abs(value - second[i]!)), 0);
}
