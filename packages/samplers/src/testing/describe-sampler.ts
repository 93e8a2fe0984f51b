import { CacheQuantError, type ErrorCode } from '@cachequant/tensor';
import type { TestApi } from '@cachequant/tensor/testing';
import type { Sampler } from '../sampler.js';
import { measuredDraws, measuredLookback, measuredSensitivity } from './measure-properties.js';
import { noiseOf, numbers, outputOf, SIZE, statesOf } from './run-with.js';

/** Of the greatest sensitivity of the run; states are float32. */
const SENSITIVITY_TOLERANCE = 1e-3;

/**
 * The tests that every sampler must pass: that it is pure, and that it is what it says of itself, which the cache
 * relies on.
 * @param factory lays out a run for so many images; it must not clip or threshold, and should have at least 16 steps,
 * or it may end before it looks back as far as it can
 * @example describeSampler('my sampler', (images) => createSampler(config, { steps: 16, images, definitions }), { describe, test: it, expect })
 */
export function describeSampler(
  name: string,
  factory: (images: number) => Sampler,
  { describe, test, expect }: Pick<TestApi, 'describe' | 'test' | 'expect'>,
): void {
  describe(`${name} as a sampler`, () => {
    test('lists a timestep and a sensitivity for every call, and one noise level more', async () => {
      const sampler = factory(1);
      expect(sampler.timesteps.length).toBe(sampler.calls);
      expect(sampler.sensitivity.length).toBe(sampler.calls);
      expect(sampler.sigmas?.length ?? sampler.calls + 1).toBe(sampler.calls + 1);
      expect([...sampler.timesteps, ...sampler.sensitivity].every(Number.isFinite)).toBe(true);
    });

    test('callsPerStep sums to the calls, and only within a step is anything of the step kept', async () => {
      const sampler = factory(1);
      const { callsPerStep, calls } = sampler;
      expect(callsPerStep.every((count) => Number.isInteger(count) && count >= 1)).toBe(true);
      expect(callsPerStep.reduce((sum, count) => sum + count, 0)).toBe(calls);
      expect(callsPerStep.length <= sampler.steps).toBe(true);
      const begins = new Set([0]);
      for (const count of callsPerStep) begins.add([...begins].at(-1)! + count);
      for (const { call, stages, history, anchor, drawn } of statesOf(sampler)) {
        const isCorrector = history.length > 0;
        const isBetween = stages.length === 0 && drawn === undefined && (anchor === undefined || isCorrector);
        expect(begins.has(call) ? isBetween : anchor !== undefined).toBe(true);
      }
    });

    test('start scales the noise by initNoiseSigma, and modelInput keeps its size', async () => {
      const sampler = factory(1);
      const noise = numbers(7);
      const state = sampler.start(noise);
      expect(state.call).toBe(0);
      expect(state.sample).toEqual(noise.map((value) => value * sampler.initNoiseSigma));
      expect(sampler.modelInput(state).length).toBe(SIZE);
    });

    test('startFrom begins at any step that firstCall allows, with a picture as noisy as renoise makes it', async () => {
      const sampler = factory(1);
      const [clean, noise] = [numbers(8), numbers(9)];
      for (let left = 1; left <= sampler.steps; left++) {
        const code = codeOf(() => sampler.startFrom(sampler.firstCall(left / sampler.steps), clean, noise));
        expect(code === undefined || code === 'unsupported').toBe(true);
        if (code !== undefined) continue;
        let state = sampler.startFrom(sampler.firstCall(left / sampler.steps), clean, noise);
        expect(state.sample).toEqual(sampler.renoise(state.call, clean, noise));
        while (state.call < sampler.calls) {
          const { call } = state;
          state = sampler.step(state, outputOf(call), () => noiseOf(call));
        }
        expect(state.sample.every(Number.isFinite)).toBe(true);
      }
    });

    test('step changes neither the state nor the output, and gives the same again from a clone', async () => {
      const sampler = factory(1);
      for (const [call, state] of statesOf(sampler).slice(0, -1).entries()) {
        const before = structuredClone(state);
        const output = outputOf(call);
        const next = sampler.step(state, output, () => noiseOf(call));
        expect(state).toEqual(before);
        expect(output).toEqual(outputOf(call));
        expect(next.call).toBe(call + 1);
        expect(sampler.step(before, output, () => noiseOf(call))).toEqual(next);
      }
    });

    test('step treats two images in one state as it treats each alone', async () => {
      const last = (images: number, from: number, to: number) => {
        const sampler = factory(images);
        let state = sampler.start(numbers(-1).slice(from, to));
        for (let call = 0; call < sampler.calls; call++) {
          state = sampler.step(state, outputOf(call).slice(from, to), () => noiseOf(call).slice(from, to));
        }
        return [...state.sample];
      };
      const half = SIZE / 2;
      expect(last(2, 0, SIZE)).toEqual([...last(1, 0, half), ...last(1, half, SIZE)]);
    });

    test('sensitivity is how far a unit of the prediction moves the sample', async () => {
      const sampler = factory(1);
      const measured = measuredSensitivity(sampler);
      const greatest = Math.max(...measured.map(Math.abs));
      const wrong = measured.findIndex(
        (value, call) => !(Math.abs(value - sampler.sensitivity[call]!) <= SENSITIVITY_TOLERANCE * greatest),
      );
      expect(wrong < 0 ? 'as measured' : `call ${wrong}: ${sampler.sensitivity[wrong]}`).toEqual(
        wrong < 0 ? 'as measured' : `call ${wrong}: ${measured[wrong]}`,
      );
    });

    test('lookback is how far back predictions are used', async () => {
      const sampler = factory(1);
      expect(sampler.lookback).toBe(measuredLookback(sampler));
    });

    test('stochastic says whether noise is drawn, at most once a call', async () => {
      const sampler = factory(1);
      const draws = measuredDraws(sampler);
      expect(draws.every((count) => count <= 1)).toBe(true);
      expect(draws.includes(1)).toBe(sampler.stochastic);
    });

    test('the noise that is drawn decides about the result', async () => {
      const sampler = factory(1);
      const other = statesOf(sampler, outputOf, (call) => noiseOf(call + 500)).at(-1)!.sample;
      const same = statesOf(sampler)
        .at(-1)!
        .sample.every((value, i) => value === other[i]);
      expect(same).toBe(!sampler.stochastic);
    });

    test('step refuses to draw from nowhere', async () => {
      const sampler = factory(1);
      const drawing = measuredDraws(sampler).indexOf(1);
      const state = statesOf(sampler)[Math.max(drawing, 0)]!;
      const code = codeOf(() => sampler.step(state, outputOf(state.call)));
      expect(code).toBe(sampler.stochastic ? 'invalid-argument' : undefined);
    });

    test('step and modelInput refuse a state after the last call', async () => {
      const sampler = factory(1);
      const over = statesOf(sampler).at(-1)!;
      expect(codeOf(() => sampler.modelInput(over))).toBe('invalid-argument');
      expect(codeOf(() => sampler.step(over, outputOf(0), () => noiseOf(0)))).toBe('invalid-argument');
    });

    test('step refuses an output of another size', async () => {
      const sampler = factory(1);
      const state = sampler.start(numbers(-1));
      expect(codeOf(() => sampler.step(state, outputOf(0, SIZE - 1), () => noiseOf(0)))).toBe('shape');
    });
  });
}

/** The code of our error that an action ends with; undefined where it succeeds. */
function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (CacheQuantError.is(error)) return error.code;
    throw error;
  }
  return undefined;
}
