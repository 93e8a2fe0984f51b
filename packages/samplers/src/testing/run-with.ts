import type { Sampler, SamplerState } from '../sampler.js';

/** Elements of a sample in the suite. */
export const SIZE = 4;

/** Numbers in (−1, 1) that repeat only after long, without a generator. */
export function numbers(seed: number, size = SIZE): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => {
    const value = Math.sin(127.1 * (seed + 1) + 311.7 * (i + 1)) * 43_758.5453;
    return 2 * (value - Math.floor(value)) - 1;
  });
}

/** The output of the network in a run of the suite: the same for a call whatever the sample is. */
export function outputOf(call: number, size = SIZE): Float32Array {
  return numbers(call, size);
}

export function noiseOf(call: number, size = SIZE): Float32Array {
  return numbers(1000 + call, size);
}

/** All states of a run, from the start to the end: [calls + 1]. */
export function statesOf(sampler: Sampler, outputs = outputOf, noises = noiseOf): SamplerState[] {
  const states = [sampler.start(numbers(-1))];
  for (let call = 0; call < sampler.calls; call++) {
    states.push(sampler.step(states[call]!, outputs(call), () => noises(call)));
  }
  return states;
}
