import type { Dim } from '../model.js';
import { getInt } from '../node.js';
import { flatIndex, mapElements, normalizeAxis, unify } from './dims.js';
import { type Element, facts, isStatic, type TensorFacts } from './facts.js';
import { type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';

const concat: ShapeRule = ({ node, inputs }) => {
  const parts = inputs.filter((input) => input !== undefined);
  const dtype = parts.find((part) => part.dtype !== null)?.dtype ?? null;
  const ranked = parts.map((part) => part.dims).filter((dims) => dims !== undefined);
  const first = ranked[0];
  if (first === undefined) return [{ dtype, dims: undefined }];
  const axis = normalizeAxis(node, getInt(node, 'axis', 1), first.length);
  const dims = ranked.reduce((merged, next) => {
    if (next.length !== merged.length) {
      throw shapeError(node, 'the inputs differ in rank', showDims(merged), showDims(next));
    }
    return merged.map((dim, at) => (at === axis ? dim : unify(node, dim, next[at], `lengths of axis ${at}`)));
  }, first);
  const lengths = parts.map((part) => part.dims?.[axis] ?? null);
  const joined = [...dims];
  joined[axis] = isStatic(lengths)
    ? lengths.reduce((total, length) => total + length, 0)
    : soleLength(lengths);
  return [facts(dtype, joined, concatValues(parts, joined, axis))];
};

/** The length of the one part that is not empty. */
function soleLength(lengths: readonly Dim[]): Dim {
  const filled = lengths.filter((length) => length !== 0);
  return filled.length === 1 ? filled[0]! : null;
}

function concatValues(parts: readonly TensorFacts[], joined: Dim[], axis: number): Element[] | undefined {
  if (!isStatic(joined) || parts.some((part) => part.values === undefined || !isStatic(part.dims)))
    return undefined;
  const places: { part: TensorFacts; offset: number }[] = [];
  for (const part of parts) {
    const length = part.dims![axis] as number;
    for (let offset = 0; offset < length; offset++) places.push({ part, offset });
  }
  return mapElements(joined, (index) => {
    const { part, offset } = places[index[axis]!]!;
    const source = index.map((at, position) => (position === axis ? offset : at));
    return part.values![flatIndex(part.dims as number[], source)] ?? null;
  });
}

export const JOINING_RULES: ShapeRules = { Concat: concat };
