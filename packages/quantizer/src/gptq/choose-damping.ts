import type { InPieces } from '@cachequant/tensor';
import { type WeightBits, weightRange } from '../weight-quantization.js';
import { blockFactors, roundWithFeedback, type ScaledRows } from './round-with-feedback.js';
import { judgeRow, type RowTarget, rowTarget } from './rounded-row.js';
import type { SecondMoments } from './second-moments.js';

/** Shares of the diagonal's mean that are tried. */
const DAMPINGS = [0.01, 0.1, 1] as const;

/** It is chosen on so many channels, evenly spread. */
const CHANNELS = 16;

/**
 * The damping with which rounding by the second moments of one half of the images leaves least on the other half.
 */
export function* chooseDamping(
  rows: ScaledRows,
  bits: WeightBits,
  [fit, check]: readonly [SecondMoments, SecondMoments],
): InPieces<number> {
  const some = pickChannels(rows);
  const inputs = some.values.length / some.scales.length;
  const targets = Array.from(some.scales, (_, o) =>
    rowTarget(check, some.values.subarray(o * inputs, (o + 1) * inputs)),
  );
  let best: number = DAMPINGS[0];
  let least = Number.POSITIVE_INFINITY;
  for (const damping of DAMPINGS) {
    const factors = yield* blockFactors(fit, damping);
    const integers = yield* roundWithFeedback(some, weightRange(bits), fit.blocks, factors);
    const error = errorOn(check, targets, some.scales, integers);
    if (error >= least) continue;
    least = error;
    best = damping;
  }
  return best;
}

function pickChannels({ values, scales }: ScaledRows): ScaledRows {
  const inputs = values.length / scales.length;
  const step = Math.max(1, Math.floor(scales.length / CHANNELS));
  const picked = Array.from({ length: Math.ceil(scales.length / step) }, (_, i) => i * step);
  const some = new Float32Array(picked.length * inputs);
  for (const [i, o] of picked.entries()) some.set(values.subarray(o * inputs, (o + 1) * inputs), i * inputs);
  return { values: some, scales: Float32Array.from(picked, (o) => scales[o]!) };
}

function errorOn(
  moments: SecondMoments,
  targets: readonly RowTarget[],
  scales: Float32Array,
  integers: Int8Array,
): number {
  return targets.reduce((sum, target, o) => {
    const inputs = target.row.length;
    const row = integers.subarray(o * inputs, (o + 1) * inputs);
    return sum + judgeRow(moments, target, row, scales[o]!).error;
  }, 0);
}
