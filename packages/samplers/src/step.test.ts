import { describe, expect, it } from 'vitest';
import { createSampler, SAMPLER_NAMES } from './create-sampler.js';
import type { Sampler, SamplerState } from './sampler.js';

const CLASSES = SAMPLER_NAMES.map(({ name }) => name);
const STEPS = 6;

function make(sampler: string, images = 1): Sampler {
  return createSampler(
    { beta_schedule: 'scaled_linear', clip_sample: false },
    { steps: STEPS, sampler, images },
  );
}

/** Different numbers for every call, without a network. */
function output(state: SamplerState): Float32Array {
  return state.sample.map((x, i) => Math.sin(x + i + state.call));
}

function drawNoise(): Float32Array {
  return Float32Array.of(0.3, -1.1);
}

describe.each(CLASSES)('%s', (name) => {
  it('step changes neither the state nor the output, and gives the same again', () => {
    const sampler = make(name);
    let state = sampler.start(Float32Array.of(1, -0.5));
    while (state.call < sampler.calls) {
      const before = structuredClone(state);
      const prediction = output(state);
      const next = sampler.step(state, prediction, drawNoise);
      expect(state).toEqual(before);
      expect(prediction).toEqual(output(state));
      expect(sampler.step(before, prediction, drawNoise)).toEqual(next);
      state = next;
    }
  });

  it('step treats two images in one state as it treats each alone', () => {
    const run = (noise: Float32Array, images: number) => {
      const sampler = make(name, images);
      let state = sampler.start(noise);
      while (state.call < sampler.calls) {
        const prediction = state.sample.map((x) => Math.cos(x + state.call));
        state = sampler.step(state, prediction, () => noise.map((x) => x / 2));
      }
      return [...state.sample];
    };
    expect(run(Float32Array.of(0.7, -1.3), 2)).toEqual([
      ...run(Float32Array.of(0.7), 1),
      ...run(Float32Array.of(-1.3), 1),
    ]);
  });

  it('step and modelInput refuse a state after the last call', () => {
    const sampler = make(name);
    const over = { ...sampler.start(Float32Array.of(1, 2)), call: sampler.calls };
    expect(() => sampler.modelInput(over)).toThrow(/the run is over/);
    expect(() => sampler.step(over, Float32Array.of(1, 2), drawNoise)).toThrow(/the run is over/);
  });

  it('step refuses an output of another size, and explains one of twice the size', () => {
    const sampler = make(name);
    const state = sampler.start(Float32Array.of(1, 2));
    expect(() => sampler.step(state, Float32Array.of(1, 2, 3), drawNoise)).toThrow(
      /expected 2 elements, got 3/,
    );
    expect(() => sampler.step(state, new Float32Array(4), drawNoise)).toThrow(
      /pass the first half of its channels/,
    );
  });

  it('step says so when it needs noise and has none', () => {
    const sampler = make(name);
    const state = sampler.start(Float32Array.of(1, 2));
    const withoutNoise = () => sampler.step(state, output(state));
    if (sampler.stochastic) {
      expect(withoutNoise).toThrow(/draws noise and has nowhere to draw from/);
      expect(() => sampler.step(state, output(state), () => new Float32Array(3))).toThrow(
        /noise of another size/,
      );
    } else {
      expect(withoutNoise().call).toBe(1);
    }
  });

  it('start refuses noise that the images cannot share', () => {
    expect(() => make(name, 2).start(new Float32Array(3))).toThrow(/a multiple of 2 elements/);
    expect(() => make(name).start(new Float32Array(0))).toThrow(/divided among the images/);
  });
});
