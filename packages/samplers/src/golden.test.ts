import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSchedulerConfig } from './config.js';
import { createSampler, SAMPLER_NAMES, type SamplerOptions } from './create-sampler.js';
import type { Sampler, SamplerState } from './sampler.js';
import type { ScheduleName } from './schedules/align-your-steps.js';

interface GoldenCase {
  scheduler: string;
  config: Record<string, unknown>;
  steps: number;
  options?: {
    timesteps?: number[];
    sigmas?: number[];
    mu?: number;
    eta?: number;
    schedule?: ScheduleName;
    strength?: number;
  };
  /** Of runs from the middle on: the call they begin with, the clean sample, and that at its noise level. */
  firstCall?: number;
  picture?: number[];
  renoised?: number[];
  timesteps: number[];
  sigmas?: number[] | null;
  initNoiseSigma?: number;
  noise: number[];
  stepNoise: number[][];
  scaledInput0?: number[];
  trajectory: number[][];
}

interface GoldenFile {
  images?: number;
  cases: GoldenCase[];
}

function readCases(path: string): GoldenFile {
  return parseSchedulerConfig(readFileSync(new URL(path, import.meta.url), 'utf8')) as GoldenFile;
}

/** diffusers computes in float32 throughout; the states grow to about 10. */
const RELATIVE_TOLERANCE = 1e-4;

/** Of the largest; fractional ones come from logarithms of float32 noise levels. */
const TIMESTEP_TOLERANCE = 1e-6;

/** The denoiser that the trajectories were made with. */
function toyDenoiser(input: Float32Array, timestep: number): Float32Array {
  return input.map((x) => 0.35 * x + 0.2 * Math.sin(0.013 * timestep) - 0.005 * x * x * Math.sign(x));
}

/** The same with a predicted variance behind each image's prediction. */
function toyDenoiserWithVariance(input: Float32Array, timestep: number, images: number): Float32Array {
  const prediction = toyDenoiser(input, timestep);
  const size = input.length / images;
  const parts = Array.from({ length: images }, (_, i) => [i * size, (i + 1) * size] as const);
  return Float32Array.from(
    parts.flatMap(([start, end]) => [
      ...prediction.subarray(start, end),
      ...input.subarray(start, end).map((x) => Math.sin(3 * x)),
    ]),
  );
}

function expectClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance = RELATIVE_TOLERANCE,
): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)));
  expect(worst).toBeLessThanOrEqual(tolerance * scale);
}

/** diffusers lists the noise level after the last call among those that are given to Euler. */
function runOptions({ steps, options = {} }: GoldenCase, images: number): SamplerOptions {
  const { schedule, sigmas, strength: _, ...rest } = options;
  return {
    steps,
    images,
    ...rest,
    ...(sigmas && { sigmas: sigmas.slice(0, steps) }),
    ...(schedule && { timesteps: schedule }),
  };
}

/** KDPM2 and the SDE list the ends of steps for both of their calls, and ours the level of each call. */
const LISTS_ENDS = /KDPM2|SDE/;

function startOf(
  sampler: Sampler,
  { noise, firstCall, picture, renoised, options }: GoldenCase,
): SamplerState {
  if (picture === undefined) return sampler.start(Float32Array.from(noise));
  expect(sampler.firstCall(options!.strength!)).toBe(firstCall);
  const state = sampler.startFrom(firstCall!, Float32Array.from(picture), Float32Array.from(noise));
  expectClose(state.sample, renoised!, 1e-6);
  return state;
}

function expectSameRun(golden: GoldenCase, images = 1): void {
  const sampler = createSampler(golden.config, runOptions(golden, images));
  expectClose(sampler.timesteps, golden.timesteps, TIMESTEP_TOLERANCE);
  expect(sampler.stochastic).toBe(golden.stepNoise.length > 0);
  if (golden.sigmas && !LISTS_ENDS.test(golden.scheduler)) expectClose(sampler.sigmas!, golden.sigmas, 1e-6);
  if (golden.initNoiseSigma) expectClose([sampler.initNoiseSigma], [golden.initNoiseSigma], 1e-6);

  const noises = golden.stepNoise.map((noise) => Float32Array.from(noise.flat(4)));
  let state = startOf(sampler, golden);
  if (golden.scaledInput0) expectClose(sampler.modelInput(state), golden.scaledInput0, 1e-6);
  for (const expected of golden.trajectory) {
    const input = sampler.modelInput(state);
    const timestep = sampler.timesteps[state.call]!;
    const output =
      golden.config.variance_type === 'learned_range'
        ? toyDenoiserWithVariance(input, timestep, images)
        : toyDenoiser(input, timestep);
    state = sampler.step(state, output, () => noises.shift()!);
    expectClose(state.sample, expected);
  }
  expect(state.call).toBe(sampler.calls);
  expect(noises).toHaveLength(0);
}

const { cases } = readCases('../../../fixtures/golden/samplers.json');
const fields = readCases('./__fixtures__/diffusers-cases.json');

describe('createSampler', () => {
  it.each(cases)('$scheduler in $steps steps goes the way of diffusers: $config', (golden) => {
    expectSameRun(golden);
  });

  it.each(fields.cases)(
    '$scheduler in $steps steps understands $config and $options as diffusers does',
    (golden) => {
      expectSameRun(golden, fields.images);
    },
  );

  it.each(SAMPLER_NAMES)('has golden runs of $name', ({ name }) => {
    expect([...cases, ...fields.cases].filter(({ scheduler }) => scheduler === name).length).toBeGreaterThan(
      2,
    );
  });
});
