import { type SecondMoments, timesMoments } from './second-moments.js';

/** A channel's weight w, and what it takes to judge integers for it. */
export interface RowTarget {
  readonly row: Float32Array;
  /** H w */
  readonly image: Float64Array;
  /** w H wᵀ: the power of the channel's outputs. */
  readonly power: number;
}

/** Integers q for a row w, with the error of the channel's outputs, (s q − w) H (s q − w)ᵀ. */
export interface RoundedRow {
  readonly integers: Int8Array;
  readonly scale: number;
  readonly error: number;
}

/** A fitted scale further away than this says that the integers have little to do with the weight. */
const FURTHEST = 2;

export function rowTarget(moments: SecondMoments, row: Float32Array): RowTarget {
  const image = timesMoments(moments, row);
  return { row, image, power: inner(row, image) };
}

/** The error of integers at the scale they were rounded with. */
export function judgeRow(
  moments: SecondMoments,
  target: RowTarget,
  integers: Int8Array,
  scale: number,
): RoundedRow {
  const { own, cross } = products(moments, target, integers);
  return { integers, scale, error: scale * scale * own - 2 * scale * cross + target.power };
}

/** The same with the scale at which the error is least, w H qᵀ / q H qᵀ. */
export function fitRow(
  moments: SecondMoments,
  target: RowTarget,
  integers: Int8Array,
  scale: number,
): RoundedRow {
  const { own, cross } = products(moments, target, integers);
  const best = Math.fround(cross / own);
  const chosen = best >= scale / FURTHEST && best <= scale * FURTHEST ? best : scale;
  return { integers, scale: chosen, error: chosen * chosen * own - 2 * chosen * cross + target.power };
}

function products(moments: SecondMoments, { image }: RowTarget, integers: Int8Array) {
  return { own: inner(integers, timesMoments(moments, integers)), cross: inner(integers, image) };
}

function inner(a: ArrayLike<number>, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < b.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
