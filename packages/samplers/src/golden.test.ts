import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSchedulerConfig } from './config.js';
import { createSampler, SAMPLER_NAMES } from './create-sampler.js';

interface GoldenCase {
  scheduler: string;
  config: Record<string, unknown>;
  steps: number;
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

function expectSameRun(golden: GoldenCase, images = 1): void {
  const sampler = createSampler(golden.config, { steps: golden.steps, images });
  expectClose(sampler.timesteps, golden.timesteps, 1e-6);
  expect(sampler.stochastic).toBe(golden.stepNoise.length > 0);
  if (golden.sigmas) expectClose(sampler.sigmas!, golden.sigmas, 1e-6);
  if (golden.initNoiseSigma) expect(sampler.initNoiseSigma).toBeCloseTo(golden.initNoiseSigma, 5);

  const noises = golden.stepNoise.map((noise) => Float32Array.from(noise.flat(4)));
  let state = sampler.start(Float32Array.from(golden.noise));
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
const known = SAMPLER_NAMES.map(({ name }) => name);
const flow = cases.filter(({ config }) => config.use_flow_sigmas === true);
const supported = cases.filter((golden) => known.includes(golden.scheduler) && !flow.includes(golden));
const unknown = cases.filter((golden) => !known.includes(golden.scheduler));
const rareFields = readCases('./__fixtures__/diffusers-cases.json');

describe('createSampler', () => {
  it.each(supported)('$scheduler in $steps steps goes the way of diffusers: $config', (golden) => {
    expectSameRun(golden);
  });

  it.each(rareFields.cases)('$scheduler in $steps steps understands $config as diffusers does', (golden) => {
    expectSameRun(golden, rareFields.images);
  });

  it.each(unknown)('refuses $scheduler by name and says what there is', ({ scheduler, config, steps }) => {
    expect(() => createSampler(config, { steps })).toThrow(
      new RegExp(`no sampler "${scheduler}" here .*DDIMScheduler \\(ddim\\), PNDMScheduler \\(pndm, plms\\)`),
    );
  });

  it.each(flow)('refuses flow matching in $scheduler', ({ config, steps }) => {
    expect(() => createSampler(config, { steps })).toThrow(
      /is .*, which DPMSolverMultistepScheduler does not support/,
    );
  });
});
