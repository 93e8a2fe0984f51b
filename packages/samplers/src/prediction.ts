import { linearCombination } from './linear-combination.js';
import type { NoiseLevel } from './noise-schedule.js';
import type { PredictionType } from './sampler.js';

/**
 * The clean sample x0 that a network output implies.
 * Source: Salimans and Ho, Progressive Distillation, appendix D, https://arxiv.org/abs/2202.00512.
 */
export function cleanSample(
  type: PredictionType,
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
  }
}

/** The noise ε that a network output implies. */
export function predictedNoise(
  type: PredictionType,
  { signal, noise }: NoiseLevel,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return output;
    case 'v_prediction':
      return linearCombination([signal, output], [noise, sample]);
    case 'sample':
      return linearCombination([1 / noise, sample], [-signal / noise, output]);
  }
}
