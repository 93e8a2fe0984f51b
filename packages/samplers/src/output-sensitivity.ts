import type { Sampler } from './sampler.js';

/**
 * How far the final sample moves per unit of the network's output at each call, [calls]: the coefficients of the
 * outputs in the final sample, with their signs. What the network would answer to the moved samples is left out.
 *
 * Samplers are linear in the outputs as long as nothing is clipped or thresholded, so each coefficient is the result
 * of a run in which one call alone gives 1. For DDIM it is α₀ · (σ_{t−1} − σ_t) with σ = √((1 − ᾱ)/ᾱ).
 * @param sampler laid out for one image; noise that it draws is 0
 */
export function outputSensitivity(sampler: Sampler): Float64Array {
  const zero = Float32Array.of(0);
  const one = Float32Array.of(1);
  return Float64Array.from({ length: sampler.calls }, (_, moved) => {
    let state = sampler.start(zero);
    for (let call = 0; call < sampler.calls; call++) {
      state = sampler.step(state, call === moved ? one : zero, () => zero);
    }
    return state.sample[0]!;
  });
}
