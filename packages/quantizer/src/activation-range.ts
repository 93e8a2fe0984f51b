import { CacheQuantError } from '@cachequant/tensor';
import { ERROR_EXPONENT, roundHalfEven, roundingCost, searchShrinkFactor } from './range-search.js';

/** An asymmetric 8-bit grid: value ≈ (q − zeroPoint) · scale, q in 0…255. */
export interface ActivationGrid {
  readonly scale: number;
  readonly zeroPoint: number;
}

const LEVELS = 255;

/** Scales below are no normal float32 numbers; such a tensor is all zero but for noise. */
const SMALLEST_SCALE = 1e-30;

/**
 * Chooses the 8-bit grid of a tensor from its exact range and a random sample of its elements: the range
 * shrunk by the factor in 0.22…1.00 with the smallest mean |x − x̂|^2.4 over the sample.
 *
 * The grid always contains zero exactly, because padding is written as the zero point.
 * @param sample empty: the whole range is taken
 * @throws CacheQuantError `calibration` when the range is empty, or it or the sample is not finite
 */
export function chooseActivationGrid(
  sample: Float32Array,
  range: { readonly min: number; readonly max: number },
): ActivationGrid {
  const { min, max } = range;
  if (!(Number.isFinite(min) && Number.isFinite(max) && min <= max && sample.every(Number.isFinite))) {
    throw new CacheQuantError('calibration', 'a tensor has no finite range', {
      where: 'chooseActivationGrid',
      got: `${min} … ${max}${sample.every(Number.isFinite) ? '' : ', with NaN or infinity in the sample'}`,
      hint: 'The model produced NaN or infinity during calibration, or the tensor was never observed.',
    });
  }
  if (sample.length === 0) return gridOf(min, max);
  const values = withTails(sample, min, max);
  const shrunk = (factor: number) => gridOf(min * factor, max * factor);
  return shrunk(searchShrinkFactor((factor, giveUp) => gridError(values, shrunk(factor), giveUp)));
}

/**
 * The sample with one more value for each tail. Of n sampled elements the largest leaves about one n-th of all
 * elements above it, as many as each sampled one stands for; without them, what is rare and large would be
 * clipped at no cost (measured on a U-Net: 5 dB). They stand halfway to the end of the range.
 */
function withTails(sample: Float32Array, min: number, max: number): Float32Array {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of sample) {
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
  }
  const values = new Float32Array(sample.length + 2);
  values.set(sample);
  values[sample.length] = (smallest + min) / 2;
  values[sample.length + 1] = (largest + max) / 2;
  return values;
}

/** The grid that spans a range, widened to contain zero. */
export function gridOf(min: number, max: number): ActivationGrid {
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const scale = Math.fround((high - low) / LEVELS);
  if (!(scale > SMALLEST_SCALE)) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(LEVELS, Math.max(0, roundHalfEven(-low / scale))) };
}

/** Σ |x − x̂|^2.4 of a sample; infinity once it has passed a bound. */
function gridError(sample: Float32Array, { scale, zeroPoint }: ActivationGrid, giveUpAbove: number): number {
  const low = -zeroPoint;
  const high = LEVELS - zeroPoint;
  const unit = scale ** ERROR_EXPONENT;
  const bound = giveUpAbove / unit;
  let total = 0;
  for (let i = 0; i < sample.length; i++) {
    const exact = sample[i]! / scale;
    const rounded = roundHalfEven(exact);
    const level = Math.min(high, Math.max(low, rounded));
    total += roundingCost(Math.abs(exact - level));
    if (total >= bound) return Number.POSITIVE_INFINITY;
  }
  return total * unit;
}
