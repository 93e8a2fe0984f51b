import { expect, it } from 'vitest';
import { buildSampler } from './build-sampler.js';
import { createSampler, type SamplerOptions } from './create-sampler.js';
import { numbers } from './testing/run-with.js';

const sampler = (options: Partial<SamplerOptions> = {}) =>
  createSampler({ beta_schedule: 'scaled_linear' }, { sampler: 'ddim', steps: 10, ...options });

it.each([0, -0.5, 1.01, Number.NaN])('firstCall(%j) refuses what is no share of the run', (strength) => {
  expect(() => sampler().firstCall(strength)).toThrow(/strength is not possible.*above 0, up to 1/s);
});

it('firstCall(strength) rounds the steps that are left down, and refuses to leave none', () => {
  expect([1, 0.99, 0.5, 0.1].map(sampler().firstCall)).toEqual([0, 1, 5, 9]);
  expect(() => sampler().firstCall(0.09)).toThrow(/leaves none of 10 steps/);
});

it('firstCall(strength) rounds the steps that are left up where the network predicts a flow', () => {
  const flow = createSampler({ _class_name: 'FlowMatchEulerDiscreteScheduler' }, { steps: 10 });
  expect([1, 0.99, 0.5, 0.41, 0.01].map(flow.firstCall)).toEqual([0, 0, 5, 5, 9]);
});

it('firstCall(strength) begins at a step of two calls with the first of them', () => {
  const heun = sampler({ sampler: 'heun' });
  expect([heun.firstCall(0.5), heun.calls]).toEqual([10, 19]);
});

it('firstCall(strength) refuses Runge–Kutta steps in the middle of a run', () => {
  const pndm = sampler({ sampler: 'pndm' });
  expect(pndm.firstCall(1)).toBe(0);
  expect(() => pndm.firstCall(0.5)).toThrow(/Runge–Kutta steps cannot begin in the middle.*skip_prk_steps/s);
});

it('startFrom(call, clean, noise) of LMS forgets the slopes that it does not have', () => {
  // A denoiser that knows the picture: every method ends at it, wherever it begins.
  const lms = sampler({ sampler: 'lms', overrides: { prediction_type: 'sample' } });
  const clean = numbers(1);
  let state = lms.startFrom(4, clean, numbers(2));
  while (state.call < lms.calls) state = lms.step(state, clean);
  for (const [i, value] of state.sample.entries()) expect(value).toBeCloseTo(clean[i]!, 5);
});

it.each([
  ['a call that there is none of', 10, 4, /there is no such call.*0 to 9/s],
  ['noise of another size', 3, 5, /the picture and the noise differ in size/],
] as const)('startFrom refuses %s', (_, call, size, message) => {
  expect(() => sampler().startFrom(call, numbers(1), numbers(2, size))).toThrow(message);
});

it('startFrom refuses a method that does not tell its noise levels', () => {
  const mine = buildSampler({
    name: 'Mine',
    steps: 2,
    timesteps: [1, 0],
    predictionType: 'epsilon',
    lookback: 0,
    images: 1,
    advance: ({ sample }) => ({ sample }),
  });
  expect(() => mine.startFrom(1, numbers(1), numbers(2))).toThrow(/Mine does not tell its noise levels/);
});
