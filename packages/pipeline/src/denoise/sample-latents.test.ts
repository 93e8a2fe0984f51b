import { createSampler } from '@cachequant/samplers';
import { type Tensor, tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { floats } from '../__fixtures__/fake-session.js';
import type { Denoiser, DenoiserCall } from './denoiser.js';
import { initialNoise } from './initial-noise.js';
import { sampleLatents } from './sample-latents.js';

const CONFIG = { _class_name: 'DDIMScheduler', clip_sample: false };
const sampler = createSampler(CONFIG, { steps: 4 });
const SHAPE = [1, 4, 4] as const;

/** A denoiser whose prediction is computed element by element, and which keeps its calls. */
function fakeDenoiser(predict: (value: number, bias: number) => number) {
  const calls: DenoiserCall[] = [];
  let resets = 0;
  const denoiser: Denoiser = {
    sampleInput: { name: 'sample', dtype: 'float32', dims: [null, 1, null, null] },
    conditioningInputs: [],
    stats: { fullCalls: 0, cachedCalls: 0 },
    kindOf: (call) => (call % 2 === 0 ? 'full' : 'cached'),
    async predict(call) {
      calls.push(call);
      const { dims, data } = call.sample;
      const size = data.length / dims[0]!;
      const biases = call.conditioning.bias?.data ?? [];
      const bias = (i: number) => Number(biases[Math.floor(i / size)] ?? 0);
      return tensor(
        'float32',
        dims,
        data.map((value, i) => predict(value, bias(i))),
      );
    },
    reset() {
      resets += 1;
    },
    dispose: async () => {},
  };
  return { denoiser, calls, resets: () => resets };
}

function bias(...values: number[]): { bias: Tensor } {
  return { bias: floats([values.length], ...values) };
}

const { noise, generators } = initialNoise([3], SHAPE);

describe('sampleLatents', () => {
  it('guides as unconditional + scale · (conditional − unconditional), unconditional first in the batch', async () => {
    const guided = fakeDenoiser((value, b) => 0.1 * value + b);
    const plain = fakeDenoiser((value, b) => 0.1 * value + b);
    const result = await sampleLatents({
      denoiser: guided.denoiser,
      sampler,
      noise,
      conditioning: bias(0.5),
      unconditional: bias(0.25),
      guidanceScale: 3,
    });
    // For a prediction that is linear in the conditioning, guidance is another conditioning.
    const expected = await sampleLatents({ denoiser: plain.denoiser, sampler, noise, conditioning: bias(1) });
    result.latents.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.latents.data[i]!, 5);
    });
    expect(guided.calls[0]!.sample.dims).toEqual([2, 1, 4, 4]);
    expect(guided.calls[0]!.conditioning.bias).toEqual(floats([2], 0.25, 0.5));
  });

  it('gives the same with the halves one by one, each in a stream of its own', async () => {
    const options = { sampler, noise, conditioning: bias(0.5), unconditional: bias(0.25), guidanceScale: 3 };
    const one = fakeDenoiser((value, b) => Math.sin(value) + b);
    const two = fakeDenoiser((value, b) => Math.sin(value) + b);
    const together = await sampleLatents({ ...options, denoiser: one.denoiser });
    const apart = await sampleLatents({ ...options, denoiser: two.denoiser, halves: 'one-by-one' });
    expect(apart.latents).toEqual(together.latents);
    expect(two.calls.map(({ call, stream }) => [call, stream]).slice(0, 4)).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
  });

  it('computes the conditional half alone where the denoiser says so, exactly where guidance adds the same at each call', async () => {
    const options = { sampler, noise, conditioning: bias(0.5), unconditional: bias(0.25), guidanceScale: 3 };
    const computed = fakeDenoiser((value, b) => 0.1 * value + b);
    const expected = await sampleLatents({ ...options, denoiser: computed.denoiser });
    for (const halves of ['together', 'one-by-one'] as const) {
      const forecast = fakeDenoiser((value, b) => 0.1 * value + b);
      const denoiser = { ...forecast.denoiser, conditionalAlone: (call: number) => call % 2 === 1 };
      const result = await sampleLatents({ ...options, denoiser, halves });
      result.latents.data.forEach((value, i) => {
        expect(value).toBeCloseTo(expected.latents.data[i]!, 5);
      });
      const alone = forecast.calls.filter(({ call }) => call % 2 === 1);
      expect(alone.map(({ sample, half, stream }) => [sample.dims[0], half, stream])).toEqual(
        new Array(2).fill(halves === 'together' ? [1, 'conditional', undefined] : [1, undefined, 1]),
      );
      expect(alone[0]!.conditioning).toEqual(bias(0.5));
    }
  });

  it('makes one call of the given batch at a scale of 1, without unconditional', async () => {
    const { denoiser, calls, resets } = fakeDenoiser((value) => value);
    const { calls: timings } = await sampleLatents({ denoiser, sampler, noise, conditioning: bias(0) });
    expect(calls.map((call) => call.sample.dims[0])).toEqual([1, 1, 1, 1]);
    expect(calls.map((call) => call.timestep)).toEqual(sampler.timesteps);
    expect(timings.map(({ kind }) => kind)).toEqual(['full', 'cached', 'full', 'cached']);
    expect(resets()).toBe(1);
  });

  it.each([0, 0.5, 1])(
    'computes the conditional half alone at a scale of %d, whatever the denoiser caches',
    async (guidanceScale) => {
      const options = { sampler, noise, conditioning: bias(0.5), unconditional: bias(0.25), guidanceScale };
      const plain = fakeDenoiser((value, b) => 0.1 * value + b);
      const expected = await sampleLatents({
        denoiser: plain.denoiser,
        sampler,
        noise,
        conditioning: bias(0.5),
      });
      for (const halves of ['together', 'one-by-one'] as const) {
        const { denoiser, calls } = fakeDenoiser((value, b) => 0.1 * value + b);
        const forecast = { ...denoiser, conditionalAlone: (call: number) => call % 2 === 1 };
        const { latents } = await sampleLatents({ ...options, denoiser: forecast, halves });
        expect(latents).toEqual(expected.latents);
        expect(calls.map(({ sample, half, stream }) => [sample.dims[0], half, stream])).toEqual(
          new Array(4).fill([1, undefined, undefined]),
        );
        expect(calls.every(({ conditioning }) => conditioning.bias!.data[0] === 0.5)).toBe(true);
      }
    },
  );

  it('refuses guidance without unconditional', async () => {
    const { denoiser } = fakeDenoiser((value) => value);
    const run = sampleLatents({ denoiser, sampler, noise, conditioning: {}, guidanceScale: 2 });
    await expect(run).rejects.toThrow('guidance needs unconditional');
  });

  it('gives each image of a batch what it gives alone, with a stochastic sampler', async () => {
    const stochastic = createSampler(CONFIG, { steps: 4, sampler: 'ddpm' });
    expect(stochastic.stochastic).toBe(true);
    const run = async (seeds: number[]) => {
      const { denoiser } = fakeDenoiser((value) => Math.tanh(value));
      const { latents } = await sampleLatents({
        denoiser,
        sampler: stochastic,
        conditioning: {},
        ...initialNoise(seeds, SHAPE),
      });
      return [...latents.data];
    };
    expect(await run([3, 4])).toEqual([...(await run([3])), ...(await run([4]))]);
    expect(await run([3])).not.toEqual(await run([4]));
  });

  it('refuses a stochastic sampler without generators, and generators that are not one for each image', async () => {
    const { denoiser } = fakeDenoiser((value) => value);
    const options = {
      denoiser,
      sampler: createSampler(CONFIG, { steps: 4, sampler: 'ddpm' }),
      conditioning: {},
    };
    await expect(sampleLatents({ ...options, noise })).rejects.toThrow('Give `generators`');
    const two = { ...initialNoise([1, 2], SHAPE), generators };
    await expect(sampleLatents({ ...options, ...two })).rejects.toThrow('expected 2, got 1');
  });

  it('stops before the next call once the signal is aborted', async () => {
    const { denoiser, calls } = fakeDenoiser((value) => value);
    const controller = new AbortController();
    const run = sampleLatents({
      denoiser,
      sampler,
      noise,
      conditioning: {},
      signal: controller.signal,
      onStep: ({ call }) => {
        if (call === 1) controller.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
    expect(calls).toHaveLength(2);
  });

  it('reports every call with the latents after it, and waits for the listener', async () => {
    const { denoiser, calls } = fakeDenoiser((value) => value);
    let ms = 0;
    const seen: [number, number, number, number][] = [];
    let last: Tensor | undefined;
    const { latents } = await sampleLatents({
      denoiser,
      sampler,
      noise,
      conditioning: {},
      now: () => (ms += 5),
      onStep: async (step) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push([step.call, step.calls, step.ms, calls.length]);
        last = step.latents;
      },
    });
    expect(seen).toEqual([
      [0, 4, 5, 1],
      [1, 4, 5, 2],
      [2, 4, 5, 3],
      [3, 4, 5, 4],
    ]);
    expect(last).toEqual(latents);
    expect(latents.dims).toEqual([1, 1, 4, 4]);
  });

  it('drops the second half of channels of a learned variance', async () => {
    const plain = fakeDenoiser((value) => 0.5 * value);
    const expected = await sampleLatents({ denoiser: plain.denoiser, sampler, noise, conditioning: {} });
    const denoiser: Denoiser = {
      ...plain.denoiser,
      async predict({ sample }) {
        const values = [...sample.data.map((value) => 0.5 * value), ...new Array(16).fill(99)];
        return floats([1, 2, 4, 4], ...values);
      },
    };
    const result = await sampleLatents({ denoiser, sampler, noise, conditioning: {} });
    expect(result.latents).toEqual(expected.latents);
  });

  it('refuses noise that is not a batch of images', async () => {
    const { denoiser } = fakeDenoiser((value) => value);
    const run = sampleLatents({ denoiser, sampler, noise: floats([2], 0, 0), conditioning: {} });
    await expect(run).rejects.toThrow('expected [B, C, H, W], got [2]');
  });
});

describe('sampleLatents with a callback that never ends', () => {
  const options = () => ({
    denoiser: fakeDenoiser((value) => value).denoiser,
    sampler,
    noise: initialNoise([1], SHAPE).noise,
    conditioning: {},
  });

  it('is stopped by its signal all the same', async () => {
    const controller = new AbortController();
    const steps: number[] = [];
    const run = sampleLatents({
      ...options(),
      signal: controller.signal,
      onStep: ({ call }) => {
        steps.push(call);
        setImmediate(() => controller.abort());
        return new Promise(() => {});
      },
    });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
    expect(steps).toEqual([0]);
  });

  it('waits for one that ends, and hands on its error', async () => {
    const { signal } = new AbortController();
    const ended: number[] = [];
    await sampleLatents({
      ...options(),
      signal,
      onStep: async ({ call }) => {
        await new Promise((resolve) => setImmediate(resolve));
        ended.push(call);
      },
    });
    expect(ended).toEqual([0, 1, 2, 3]);
    const failing = sampleLatents({ ...options(), signal, onStep: () => Promise.reject(new Error('mine')) });
    await expect(failing).rejects.toThrow('mine');
  });
});
