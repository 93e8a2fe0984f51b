import { CacheQuantError, finish, type InPieces } from '@cachequant/tensor';
import { ERROR_EXPONENT, roundHalfEven, roundingCost, searchShrinkFactor } from './range-search.js';

/** A weight as integers without zero point: value ≈ integers[o, k] · scales[o]. */
export interface QuantizedWeight {
  /** [channels, inputs] row-major, each within the range of its bits. */
  readonly integers: Int8Array;
  /** [channels], strictly positive. */
  readonly scales: Float32Array;
}

/**
 * The largest integer a weight may take, by bits. With 7, two products u8·s8 add up to at most
 * 2·255·64 = 32,640, which the 16-bit pair sums of x64 processors without VNNI still hold.
 */
export const WEIGHT_LIMITS = { 4: 7, 7: 64, 8: 127 } as const;

/** The bits of integer weights. */
export type WeightBits = keyof typeof WEIGHT_LIMITS;

/** Integers that a weight may take. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

/** Symmetric but for 4 bits, where one level in sixteen is too much to leave unused. */
export function weightRange(bits: WeightBits): IntegerRange {
  const max = WEIGHT_LIMITS[bits];
  return { min: bits === 4 ? -8 : -max, max };
}

/** Rows whose largest magnitude is below count as zero: their scale would leave the normal float32 numbers. */
const SMALLEST_RANGE = 1e-30;

/**
 * Rounds a weight to integers with one scale per output channel: the range within 0.22…1.00 of the
 * largest magnitude that has the smallest mean |w − ŵ|^2.4. A channel of zeros has scale 1.
 *
 * Complexity: sixteen passes over the weight.
 * Source: CacheQuant, CVPR 2025, reference implementation (`quant_layer.py`, method "mse"); without zero point here,
 * because integer kernels want one zero point for all channels.
 * @param values [channels, inputs] row-major
 * @throws CacheQuantError `shape` when the values do not divide into channels, `invalid-argument` for NaN or infinity
 */
export function quantizeWeight(values: Float32Array, channels: number, bits: WeightBits): QuantizedWeight {
  return finish(quantizeWeightInPieces(values, channels, bits));
}

/** `quantizeWeight`, which takes seconds for large layers, in pieces of some milliseconds. */
export function* quantizeWeightInPieces(
  values: Float32Array,
  channels: number,
  bits: WeightBits,
): InPieces<QuantizedWeight> {
  if (!Number.isInteger(channels) || channels < 1 || values.length % channels !== 0) {
    throw new CacheQuantError('shape', 'weight does not divide into output channels', {
      where: 'quantizeWeight',
      expected: `a multiple of ${channels} values`,
      got: `${values.length}`,
    });
  }
  const inputs = values.length / channels;
  const integers = new Int8Array(values.length);
  const scales = new Float32Array(channels);
  const range = weightRange(bits);
  for (let channel = 0; channel < channels; channel++) {
    yield;
    const row = values.subarray(channel * inputs, (channel + 1) * inputs);
    const scale = bestScale(row, range);
    scales[channel] = scale;
    for (let k = 0; k < inputs; k++) {
      integers[channel * inputs + k] = nearestInteger(row[k]! / scale, range);
    }
  }
  return { integers, scales };
}

function bestScale(row: Float32Array, range: IntegerRange): number {
  const largest = largestMagnitude(row);
  if (largest < SMALLEST_RANGE) return 1;
  const scaleOf = (factor: number) => Math.fround((largest * factor) / range.max);
  return scaleOf(searchShrinkFactor((factor, giveUp) => roundingError(row, scaleOf(factor), range, giveUp)));
}

function largestMagnitude(row: Float32Array): number {
  let largest = 0;
  for (let k = 0; k < row.length; k++) {
    const magnitude = Math.abs(row[k]!);
    if (magnitude > largest) largest = magnitude;
    else if (Number.isNaN(magnitude)) largest = Number.POSITIVE_INFINITY;
  }
  if (largest < Number.POSITIVE_INFINITY) return largest;
  throw new CacheQuantError('invalid-argument', 'a weight is not a finite number', {
    where: 'quantizeWeight',
    got: String(row.find((value) => !Number.isFinite(value))),
    hint: 'The model is damaged, or overflowed when it was converted.',
  });
}

/** Σ |w − ŵ|^2.4 of a row; infinity once it has passed a bound. */
function roundingError(
  row: Float32Array,
  scale: number,
  { min, max }: IntegerRange,
  giveUpAbove: number,
): number {
  const unit = scale ** ERROR_EXPONENT;
  const bound = giveUpAbove / unit;
  const inverse = 1 / scale;
  let total = 0;
  for (let k = 0; k < row.length; k++) {
    const magnitude = Math.abs(row[k]!) * inverse;
    const rounded = roundHalfEven(magnitude);
    const limit = row[k]! < 0 ? -min : max;
    total += roundingCost(rounded > limit ? magnitude - limit : Math.abs(magnitude - rounded));
    if (total >= bound) return Number.POSITIVE_INFINITY;
  }
  return total * unit;
}

/** Halves to the even integer. */
export function nearestInteger(value: number, { min, max }: IntegerRange): number {
  return Math.min(max, Math.max(min, roundHalfEven(value)));
}
