import { CacheQuantError, type InPieces, type TwoFold } from '@cachequant/tensor';
import {
  type QuantizedWeight,
  quantizeWeightInPieces,
  type WeightBits,
  weightRange,
} from '../weight-quantization.js';
import { chooseDamping } from './choose-damping.js';
import { blockFactors, roundWithFeedback } from './round-with-feedback.js';
import { fitRow, judgeRow, type RoundedRow, rowTarget } from './rounded-row.js';
import { mergeSecondMoments, type SecondMoments } from './second-moments.js';

export interface GptqWeight extends QuantizedWeight {
  /** The one of `DAMPINGS` that left least on rows that the fit had not seen. */
  readonly damping: number;
  /** What rounding does to the outputs, relative to their power: Σ e H eᵀ / Σ w H wᵀ. */
  readonly error: number;
  /** The same of each weight rounded to its nearest level. */
  readonly plainError: number;
}

/**
 * Rounds a weight so that the layer's outputs change least on the inputs it was observed with: each weight is
 * rounded after what the errors of those before it took from it, first with the scale of plain rounding, then with
 * the one that fits best. Of these and plain rounding, each channel takes what leaves least.
 *
 * Complexity: per block of n inputs four factorizations (n³ / 6 multiply-adds each) and channels · 5 n².
 * Source: Frantar et al., GPTQ, https://arxiv.org/abs/2210.17323. Differs: damping chosen on held-out rows, fitted
 * scales, never worse than plain rounding.
 * @param values [channels, inputs] row-major
 * @param halves of this layer's inputs
 * @throws CacheQuantError `shape` when the moments are those of another layer, `calibration` when they are not
 * finite, and as `quantizeWeight`
 */
export function* quantizeWithGptq(
  values: Float32Array,
  channels: number,
  bits: WeightBits,
  halves: TwoFold<SecondMoments>,
): InPieces<GptqWeight> {
  const plain = yield* quantizeWeightInPieces(values, channels, bits);
  const inputs = values.length / channels;
  for (const half of halves) requireFit(half, inputs);
  const damping = yield* chooseDamping({ values, scales: plain.scales }, bits, halves);
  const moments = mergeSecondMoments(...halves);
  const factors = yield* blockFactors(moments, damping);
  const targets = yield* inTurn(rowsOf(values, channels), (row) => rowTarget(moments, row));
  const round = function* (scales: Float32Array): InPieces<RoundedRow[]> {
    const rounded = yield* roundWithFeedback({ values, scales }, weightRange(bits), moments.blocks, factors);
    return yield* inTurn(rowsOf(rounded, channels), (row, o) =>
      fitRow(moments, targets[o]!, row, scales[o]!),
    );
  };
  const before = yield* inTurn(rowsOf(plain.integers, channels), (row, o) =>
    judgeRow(moments, targets[o]!, row, plain.scales[o]!),
  );
  const first = yield* round(plain.scales);
  const second = yield* round(Float32Array.from(first, ({ scale }) => scale));
  const best = before.map((row, o) => leastError([row, first[o]!, second[o]!]));
  const power = targets.reduce((sum, target) => sum + target.power, 0);
  const relative = (rows: readonly RoundedRow[]) => {
    const total = rows.reduce((sum, { error }) => sum + error, 0);
    return power > 0 ? Math.max(0, total) / power : 0;
  };
  return { ...joined(best, inputs), damping, error: relative(best), plainError: relative(before) };
}

/** A piece for each row. */
function* inTurn<A, B>(rows: readonly A[], compute: (row: A, index: number) => B): InPieces<B[]> {
  const results: B[] = [];
  for (const [o, row] of rows.entries()) {
    yield;
    results.push(compute(row, o));
  }
  return results;
}

function leastError(rows: readonly RoundedRow[]): RoundedRow {
  return rows.reduce((best, row) => (row.error < best.error ? row : best));
}

function rowsOf<A extends Float32Array | Int8Array>(values: A, channels: number): A[] {
  const inputs = values.length / channels;
  return Array.from({ length: channels }, (_, o) => values.subarray(o * inputs, (o + 1) * inputs) as A);
}

function joined(rows: readonly RoundedRow[], inputs: number): QuantizedWeight {
  const integers = new Int8Array(rows.length * inputs);
  for (const [o, row] of rows.entries()) integers.set(row.integers, o * inputs);
  return { integers, scales: Float32Array.from(rows, ({ scale }) => scale) };
}

function requireFit({ blocks }: SecondMoments, inputs: number): void {
  const end = blocks.reduce((sum, { size }) => sum + size, 0);
  if (end === inputs) return;
  throw new CacheQuantError('shape', 'second moments do not fit the layer', {
    where: 'quantizeWithGptq',
    expected: `${inputs} inputs`,
    got: `${end}`,
  });
}
