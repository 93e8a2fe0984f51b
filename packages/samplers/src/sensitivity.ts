import type { Method } from './method.js';
import type { SamplerState } from './sampler.js';
import { linearCombination } from './solvers/linear-combination.js';

/** So small that nothing is clipped, and far above the smallest float32. */
const PROBE = 2 ** -20;

/**
 * How far the sample after each call moves per unit of its prediction: read off samples of one element, which are next
 * to nothing, since methods are linear in the prediction as long as nothing is clipped.
 * @returns [calls]
 */
export function sensitivityOf(method: Method): number[] {
  const silence = new Float32Array(method.images);
  const advance = (state: SamplerState, value: number) =>
    method.advance(state, { prediction: silence.map(() => value), variance: undefined }, () => silence);
  let state: SamplerState = { call: 0, sample: silence, history: [], stages: [] };
  return method.timesteps.map((_, call) => {
    const still = advance(state, 0);
    const moved = advance(state, PROBE);
    state = { history: [], stages: [], ...still, call: call + 1 };
    return linearCombination([1 / PROBE, moved.sample], [-1 / PROBE, still.sample])[0]!;
  });
}
