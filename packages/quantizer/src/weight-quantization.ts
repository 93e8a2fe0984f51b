import { CacheQuantError } from '@cachequant/tensor';

/** A weight as symmetric integers: value ≈ integers[o, k] · scales[o]. */
export interface QuantizedWeight {
  /** [channels, inputs] row-major, each within ±limit. */
  readonly integers: Int8Array;
  /** [channels], strictly positive. */
  readonly scales: Float32Array;
}

/**
 * The largest integer a weight may take. With 7 bits, two products u8·s8 add up to at most
 * 2·255·64 = 32,640, which the 16-bit pair sums of x64 processors without VNNI still hold.
 */
export const WEIGHT_LIMITS = { 7: 64, 8: 127 } as const;

export type WeightBits = keyof typeof WEIGHT_LIMITS;

const SHRINK_STEPS = 40;
const SHRINK_STEP = 0.02;

/** Norm of the rounding error that the range searches minimise (the reference implementation's exponent). */
export const ERROR_EXPONENT = 2.4;

/**
 * Rounds a weight to symmetric integers with one scale per output channel, chosen among forty ranges
 * (1.00, 0.98, …, 0.22 of the largest magnitude) by the smallest mean |w − ŵ|^2.4.
 *
 * Source: CacheQuant, CVPR 2025, reference implementation (`quant_layer.py`, method "mse"); symmetric here,
 * because integer kernels want one zero point for all channels.
 * @param values [channels, inputs] row-major
 */
export function quantizeWeight(values: Float32Array, channels: number, bits: WeightBits): QuantizedWeight {
  if (channels < 1 || values.length % channels !== 0) {
    throw new CacheQuantError('shape', 'weight does not divide into output channels', {
      where: 'quantizeWeight',
      expected: `a multiple of ${channels} values`,
      got: `${values.length}`,
    });
  }
  const inputs = values.length / channels;
  const integers = new Int8Array(values.length);
  const scales = new Float32Array(channels);
  const limit = WEIGHT_LIMITS[bits];
  for (let channel = 0; channel < channels; channel++) {
    const row = values.subarray(channel * inputs, (channel + 1) * inputs);
    const scale = bestScale(row, limit);
    scales[channel] = scale;
    for (let k = 0; k < inputs; k++) {
      integers[channel * inputs + k] = clamp(roundHalfEven(row[k]! / scale), limit);
    }
  }
  return { integers, scales };
}

function bestScale(row: Float32Array, limit: number): number {
  let largest = 0;
  for (const value of row) {
    if (!Number.isFinite(value)) {
      throw new CacheQuantError('invalid-argument', 'a weight is not a finite number', {
        where: 'quantizeWeight',
        got: String(value),
        hint: 'The model is damaged, or overflowed when it was converted.',
      });
    }
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0) return 1;
  let best = largest / limit;
  let bestError = Number.POSITIVE_INFINITY;
  for (let step = 0; step < SHRINK_STEPS; step++) {
    const scale = Math.fround((largest * (1 - step * SHRINK_STEP)) / limit);
    const error = roundingError(row, scale, limit, bestError);
    if (error < bestError) {
      bestError = error;
      best = scale;
    }
  }
  return best;
}

function roundingError(row: Float32Array, scale: number, limit: number, giveUpAbove: number): number {
  let total = 0;
  for (const value of row) {
    const rounded = clamp(roundHalfEven(value / scale), limit) * scale;
    total += Math.abs(value - rounded) ** ERROR_EXPONENT;
    if (total >= giveUpAbove) return Number.POSITIVE_INFINITY;
  }
  return total;
}

function clamp(value: number, limit: number): number {
  return value > limit ? limit : value < -limit ? -limit : value;
}

/** Rounds as ONNX's QuantizeLinear does: to the nearest whole number, halves to the even one. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
