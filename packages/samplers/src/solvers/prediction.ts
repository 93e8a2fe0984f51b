import { type NoiseLevel, noiseLevelOfRatio } from '../schedules/noise-schedule.js';
import { linearCombination } from './linear-combination.js';

/** What a prediction can be turned into a clean sample from by its noise level alone. */
export type PlainPrediction = 'epsilon' | 'v_prediction' | 'sample' | 'flow_prediction';

/**
 * The clean sample x0 that a network output implies. A flow is ε − x0, for samples with α + σ = 1.
 * Source: Salimans and Ho, Progressive Distillation, appendix D, https://arxiv.org/abs/2202.00512; flow: Esser et
 * al., Scaling Rectified Flow Transformers, section 2, https://arxiv.org/abs/2403.03206.
 */
export function cleanSample(
  type: PlainPrediction,
  { signal, noise }: NoiseLevel,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return linearCombination([1 / signal, sample], [-noise / signal, output]);
    case 'v_prediction':
      return linearCombination([signal, sample], [-noise, output]);
    case 'sample':
      return output;
    case 'flow_prediction':
      return linearCombination([1, sample], [-noise, output]);
  }
}

/** The same for methods that keep x/α = x0 + σ·ε, with σ the ratio of noise to signal. */
export function cleanOfUnscaled(
  type: PlainPrediction,
  sigma: number,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  const level = noiseLevelOfRatio(sigma);
  return cleanSample(type, level, linearCombination([level.signal, sample]), output);
}

/** The noise ε that a network output implies. */
export function predictedNoise(
  type: PlainPrediction,
  level: NoiseLevel,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return output;
    case 'v_prediction':
      return linearCombination([level.signal, output], [level.noise, sample]);
    case 'sample':
      return noiseBehind(level, sample, output);
    case 'flow_prediction':
      return linearCombination([1, sample], [1 - level.noise, output]);
  }
}

/** The noise ε = (x − α·x0)/σ of a sample whose clean sample is known. */
export function noiseBehind(
  { signal, noise }: NoiseLevel,
  sample: Float32Array,
  clean: Float32Array,
): Float32Array {
  return linearCombination([1 / noise, sample], [-signal / noise, clean]);
}
