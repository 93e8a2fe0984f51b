import { describe, expect, it } from 'vitest';
import { createSampler } from './create-sampler.js';

function make(sampler: string, images = 1) {
  return createSampler({}, { steps: 6, sampler, images });
}

describe('step', () => {
  it('explains an output of twice the size', () => {
    const sampler = make('euler');
    const state = sampler.start(Float32Array.of(1, 2));
    expect(() => sampler.step(state, Float32Array.of(1, 2, 3))).toThrow(/expected 2 elements, got 3/);
    expect(() => sampler.step(state, new Float32Array(4))).toThrow(/pass the first half of its channels/);
  });

  it('says so when it needs noise and has none, or noise of another size', () => {
    const sampler = make('euler-a');
    const state = sampler.start(Float32Array.of(1, 2));
    const output = Float32Array.of(0, 1);
    expect(() => sampler.step(state, output)).toThrow(/draws noise and has nowhere to draw from/);
    expect(() => sampler.step(state, output, () => new Float32Array(3))).toThrow(/noise of another size/);
  });
});

describe('start', () => {
  it('refuses noise that the images cannot share', () => {
    expect(() => make('ddim', 2).start(new Float32Array(3))).toThrow(/a multiple of 2 elements/);
    expect(() => make('ddim').start(new Float32Array(0))).toThrow(/divided among the images/);
  });
});
