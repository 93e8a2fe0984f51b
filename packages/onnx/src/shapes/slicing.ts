import type { Dim } from '../model.js';
import { getInt, getInts } from '../node.js';
import { flatIndex, mapElements, normalizeAxis } from './dims.js';
import { type Element, facts, isStatic, UNKNOWN } from './facts.js';
import { type RuleContext, type ShapeRule, type ShapeRules, shapeError } from './rule.js';

/** Start, step and length of one sliced axis. */
interface AxisSlice {
  readonly start: number;
  readonly step: number;
  readonly length: Dim;
}

/** A sliced axis (https://onnx.ai/onnx/operators/onnx__Slice.html): bounds from the back when negative, clamped. */
function sliceAxis(dim: Dim, start: Element, end: Element, step: Element): AxisSlice {
  const open: AxisSlice = { start: 0, step: 1, length: null };
  if (typeof step !== 'number' || step === 0 || typeof start !== 'number') return open;
  if (typeof dim !== 'number') {
    const whole = start === 0 && step === 1;
    if (whole && ((typeof end === 'number' && end >= 2 ** 31 - 1) || end === dim))
      return { ...open, length: dim };
    return open;
  }
  if (typeof end !== 'number') return open;
  const [low, high] = step > 0 ? [0, dim] : [-1, dim - 1];
  const clamp = (bound: number, least: number): number =>
    Math.min(Math.max(bound < 0 ? bound + dim : bound, least), high);
  const first = clamp(start, 0);
  const last = clamp(end, low);
  return { start: first, step, length: Math.max(Math.ceil((last - first) / step), 0) };
}

/** Reads a list input, or the attribute that older operator sets have for it; undefined when it is left out. */
function listOf(
  { node, inputs }: RuleContext,
  position: number,
  name: string,
): readonly Element[] | undefined {
  const input = inputs[position];
  if (input !== undefined) {
    const length = input.dims?.[0];
    return input.values ?? new Array<Element>(typeof length === 'number' ? length : 0).fill(null);
  }
  return node.attributes.has(name) ? getInts(node, name, []) : undefined;
}

const slice: ShapeRule = (context) => {
  const { dtype, dims, values } = context.inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  const starts = listOf(context, 1, 'starts') ?? [];
  const ends = listOf(context, 2, 'ends') ?? [];
  const axes = listOf(context, 3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = listOf(context, 4, 'steps') ?? starts.map(() => 1);
  if (!axes.every((axis) => typeof axis === 'number')) return [{ dtype, dims: dims.map(() => null) }];
  const slices: AxisSlice[] = dims.map((length) => ({ start: 0, step: 1, length }));
  for (const [position, axis] of axes.entries()) {
    const at = normalizeAxis(context.node, axis, dims.length);
    slices[at] = sliceAxis(
      dims[at]!,
      starts[position] ?? null,
      ends[position] ?? null,
      steps[position] ?? null,
    );
  }
  const sliced = slices.map(({ length }) => length);
  return [facts(dtype, sliced, takeSlices(dims, values, slices, sliced))];
};

function takeSlices(
  dims: readonly Dim[],
  values: readonly Element[] | undefined,
  slices: readonly AxisSlice[],
  sliced: Dim[],
): Element[] | undefined {
  if (values === undefined || !isStatic(dims) || !isStatic(sliced)) return undefined;
  return mapElements(sliced, (index) => {
    const source = index.map((at, axis) => slices[axis]!.start + at * slices[axis]!.step);
    return values[flatIndex(dims, source)] ?? null;
  });
}

function splitSizes(context: RuleContext, dim: Dim): Dim[] {
  const { node } = context;
  const count = node.outputs.length;
  const given = listOf(context, 1, 'split');
  if (given !== undefined) return node.outputs.map((_, part) => given[part] ?? null);
  if (typeof dim !== 'number') return node.outputs.map(() => (count === 1 ? dim : null));
  const size = Math.ceil(dim / count);
  return node.outputs.map((_, part) => Math.max(Math.min(size, dim - part * size), 0));
}

const split: ShapeRule = (context) => {
  const { node } = context;
  const { dtype, dims, values } = context.inputs[0] ?? UNKNOWN;
  if (dims === undefined) return node.outputs.map(() => ({ dtype, dims }));
  const axis = normalizeAxis(node, getInt(node, 'axis', 0), dims.length);
  const sizes = splitSizes(context, dims[axis]!);
  if (isStatic(sizes) && typeof dims[axis] === 'number') {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== dims[axis]) {
      throw shapeError(
        node,
        'the parts do not fill the axis',
        `parts that add up to ${dims[axis]}`,
        `[${sizes}]`,
      );
    }
  }
  let start = 0;
  return sizes.map((length) => {
    const slices = dims.map((whole, at) => ({
      start: at === axis ? start : 0,
      step: 1,
      length: at === axis ? length : whole,
    }));
    const part = slices.map((axisSlice) => axisSlice.length);
    start += typeof length === 'number' ? length : 0;
    return facts(dtype, part, isStatic(sizes) ? takeSlices(dims, values, slices, part) : undefined);
  });
};

export const SLICING_RULES: ShapeRules = { Slice: slice, Split: split };
