import { linearCombination } from './linear-combination.js';

/**
 * The clean sample of a network that was trained between the data and the noise: c_skip · sample + c_out · output.
 * Source: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, table 1,
 * https://arxiv.org/abs/2206.00364; `v_prediction` turns the output's sign.
 */
export function edmClean(
  type: 'epsilon' | 'v_prediction',
  sigma: number,
  sigmaData: number,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  const skip = sigmaData ** 2 / (sigma ** 2 + sigmaData ** 2);
  const out = (sigma * sigmaData) / Math.hypot(sigma, sigmaData);
  return linearCombination([skip, sample], [type === 'epsilon' ? out : -out, output]);
}

/** What brings a sample x0 + σ·ε to unit variance: c_in. */
export function edmInputScale(sigma: number, sigmaData: number): number {
  return 1 / Math.hypot(sigma, sigmaData);
}
