import type { Sampler, SamplerState } from '../sampler.js';
import { noiseOf, outputOf, statesOf } from './run-with.js';

/**
 * How many calls back lies the oldest prediction that a call uses beside its own: one prediction is changed, and in
 * every later call the samples are put back to what they were, so that what is left of the change is in what the
 * method keeps of predictions.
 */
export function measuredLookback(sampler: Sampler): number {
  const states = statesOf(sampler);
  let longest = 0;
  for (let changed = 0; changed < sampler.calls; changed++) {
    let state = step(
      sampler,
      states[changed]!,
      outputOf(changed).map((value) => value + 0.5),
    );
    for (let call = changed + 1; call < sampler.calls; call++) {
      state = step(sampler, withSamplesOf(state, states[call]!), outputOf(call));
      const expected = states[call + 1]!.sample;
      if (state.sample.some((value, i) => value !== expected[i])) longest = Math.max(longest, call - changed);
    }
  }
  return longest;
}

/** How far the sample after each call moves per unit of its prediction, in the middle of a run: [calls]. */
export function measuredSensitivity(sampler: Sampler): number[] {
  return statesOf(sampler)
    .slice(0, -1)
    .map((state, call) => {
      const [low, high] = [-1, 1].map(
        (shift) =>
          step(
            sampler,
            state,
            outputOf(call).map((value) => value + shift),
          ).sample,
      );
      return high!.reduce((sum, value, i) => sum + (value - low![i]!) / 2, 0) / high!.length;
    });
}

/** How often each call draws noise: [calls]. */
export function measuredDraws(sampler: Sampler): number[] {
  return statesOf(sampler)
    .slice(0, -1)
    .map((state, call) => {
      let draws = 0;
      sampler.step(state, outputOf(call), () => {
        draws++;
        return noiseOf(call);
      });
      return draws;
    });
}

function step(sampler: Sampler, state: SamplerState, output: Float32Array): SamplerState {
  return sampler.step(state, output, () => noiseOf(state.call));
}

function withSamplesOf(state: SamplerState, reference: SamplerState): SamplerState {
  const { history, stages, call } = state;
  return { ...reference, call, history, stages };
}
