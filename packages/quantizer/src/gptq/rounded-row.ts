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
  return rounded(target, integers, scale, products(moments, target, integers));
}

/** The same with the scale at which the error is least, w H qᵀ / q H qᵀ. */
export function fitRow(
  moments: SecondMoments,
  target: RowTarget,
  integers: Int8Array,
  scale: number,
): RoundedRow {
  const found = products(moments, target, integers);
  const best = Math.fround(found.cross / found.own);
  const near = best >= scale / FURTHEST && best <= scale * FURTHEST;
  return rounded(target, integers, near ? best : scale, found);
}

/** q H qᵀ and w H qᵀ. */
interface Products {
  readonly own: number;
  readonly cross: number;
}

function rounded(
  { power }: RowTarget,
  integers: Int8Array,
  scale: number,
  { own, cross }: Products,
): RoundedRow {
  return { integers, scale, error: scale * scale * own - 2 * scale * cross + power };
}

function products(moments: SecondMoments, { image }: RowTarget, integers: Int8Array): Products {
  return { own: inner(integers, timesMoments(moments, integers)), cross: inner(integers, image) };
}

function inner(a: ArrayLike<number>, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < b.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
