import type { Dim } from '../model.js';
import { getInts } from '../node.js';
import { broadcast, flatIndex, mapElements, normalizeAxis } from './dims.js';
import { type Element, facts, isStatic, MAX_VALUES, numbersOf, UNKNOWN } from './facts.js';
import { axesOf } from './layout.js';
import { type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';

/** As many unknown dimensions as a one-axis list of lengths has entries. */
export function openDims(list: { dims: Dim[] | undefined } | undefined): Dim[] | undefined {
  const rank = list?.dims?.length === 1 ? list.dims[0] : undefined;
  return typeof rank === 'number' ? new Array<Dim>(rank).fill(null) : undefined;
}

const expand: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims, values } = inputs[0] ?? UNKNOWN;
  const target = inputs[1]?.values === undefined ? openDims(inputs[1]) : [...inputs[1].values];
  const expanded = broadcast(node, [dims, target]);
  const small = isStatic(expanded) && expanded.reduce((total, dim) => total * dim, 1) <= MAX_VALUES;
  if (!small || values === undefined) return [{ dtype, dims: expanded }];
  const source = dims as number[];
  return [
    facts(
      dtype,
      expanded,
      mapElements(expanded, (index) => values[flatIndex(source, index)] ?? null),
    ),
  ];
};

const tile: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims, values } = inputs[0] ?? UNKNOWN;
  const repeats = inputs[1]?.values;
  if (dims === undefined || repeats === undefined) return [{ dtype, dims: dims?.map(() => null) }];
  if (repeats.length !== dims.length) {
    throw shapeError(node, 'repeats do not fit the tensor', `${dims.length} entries`, `${repeats.length}`);
  }
  const tiled = dims.map((dim, axis): Dim => {
    const times = repeats[axis] ?? null;
    if (typeof dim === 'number' && typeof times === 'number') return dim * times;
    return times === 1 ? dim : dim === 1 ? times : null;
  });
  const small = isStatic(tiled) && tiled.reduce((total, dim) => total * dim, 1) <= MAX_VALUES;
  if (!small || values === undefined || !isStatic(dims)) return [{ dtype, dims: tiled }];
  const read = (index: readonly number[]): Element =>
    values[
      flatIndex(
        dims,
        index.map((at, axis) => at % dims[axis]!),
      )
    ] ?? null;
  return [facts(dtype, tiled, mapElements(tiled, read))];
};

const pad: ShapeRule = (context) => {
  const { node, inputs } = context;
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  const pads = inputs[1] === undefined ? getInts(node, 'pads', []) : numbersOf(inputs[1]);
  const axes = axesOf(context, 3) ?? dims.map((_, axis) => axis);
  if (pads === undefined || axes === 'unknown') return [{ dtype, dims: dims.map(() => null) }];
  if (pads.length !== 2 * axes.length) {
    throw shapeError(node, 'pads do not fit the tensor', `${2 * axes.length} entries`, `${pads.length}`);
  }
  const padded = [...dims];
  for (const [position, axis] of axes.entries()) {
    const at = normalizeAxis(node, axis, dims.length);
    const extra = pads[position]! + pads[position + axes.length]!;
    const dim = dims[at]!;
    padded[at] = typeof dim === 'number' ? dim + extra : extra === 0 ? dim : null;
    if (typeof dim === 'number' && dim + extra < 0) {
      throw shapeError(node, 'padding leaves less than nothing', 'a length of 0 or more', showDims(padded));
    }
  }
  return [{ dtype, dims: padded }];
};

export const GROWING_RULES: ShapeRules = { Expand: expand, Tile: tile, Pad: pad };
