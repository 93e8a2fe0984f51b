import type { InPieces } from '@cachequant/tensor';
import { type IntegerRange, nearestInteger } from '../weight-quantization.js';
import { type FeedbackFactor, feedbackFactor } from './feedback-factor.js';
import type { InputBlock, SecondMoments } from './second-moments.js';

/** Weights [channels, inputs] row-major, and a scale for each channel. */
export interface ScaledRows {
  readonly values: Float32Array;
  readonly scales: Float32Array;
}

/** The factor of each block. */
export function* blockFactors({ blocks, sums }: SecondMoments, damping: number): InPieces<FeedbackFactor[]> {
  const factors: FeedbackFactor[] = [];
  for (const [b, { size }] of blocks.entries()) factors.push(yield* feedbackFactor(sums[b]!, size, damping));
  return factors;
}

/**
 * Rounds all weights to integers of a range, each after what the errors of those before it in its block took
 * from it.
 * @returns [channels, inputs]
 */
export function* roundWithFeedback(
  rows: ScaledRows,
  range: IntegerRange,
  blocks: readonly InputBlock[],
  factors: readonly FeedbackFactor[],
): InPieces<Int8Array> {
  const integers = new Int8Array(rows.values.length);
  for (const [b, block] of blocks.entries()) {
    for (let first = 0; first < rows.scales.length; first += TOGETHER) {
      yield;
      roundChannels(rows, range, block, factors[b]!, first, integers);
    }
  }
  return integers;
}

/** Channels that are rounded together, so that the factor is read once for all of them. */
const TOGETHER = 4;

function roundChannels(
  { values, scales }: ScaledRows,
  range: IntegerRange,
  { start, size }: InputBlock,
  { order, feedback }: FeedbackFactor,
  first: number,
  integers: Int8Array,
): void {
  const inputs = values.length / scales.length;
  const count = Math.min(TOGETHER, scales.length - first);
  const errors = Array.from({ length: TOGETHER }, () => new Float64Array(size));
  const taken = new Float64Array(TOGETHER);
  for (let k = 0; k < size; k++) {
    sumErrors(errors, feedback, k, size, taken);
    for (let i = 0; i < count; i++) {
      const at = (first + i) * inputs + start + order[k]!;
      const scale = scales[first + i]!;
      const level = nearestInteger((values[at]! - taken[i]!) / scale, range);
      integers[at] = level;
      errors[i]![k] = level * scale - values[at]!;
    }
  }
}

/** taken[i] = Σ_{j < k} errors[i][j] · feedback[k, j] */
function sumErrors(
  errors: readonly Float64Array[],
  feedback: Float32Array,
  k: number,
  size: number,
  taken: Float64Array,
): void {
  const [e0, e1, e2, e3] = errors as [Float64Array, Float64Array, Float64Array, Float64Array];
  const row = k * size;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let j = 0; j < k; j++) {
    const share = feedback[row + j]!;
    s0 += e0[j]! * share;
    s1 += e1[j]! * share;
    s2 += e2[j]! * share;
    s3 += e3[j]! * share;
  }
  taken[0] = s0;
  taken[1] = s1;
  taken[2] = s2;
  taken[3] = s3;
}
