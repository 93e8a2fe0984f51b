import type { Dim } from '../model.js';
import { getInt, getInts } from '../node.js';
import { checkRank, flatIndex, mapElements, normalizeAxis, product } from './dims.js';
import { type Element, facts, isStatic, numbersOf, type TensorFacts, UNKNOWN } from './facts.js';
import { type RuleContext, type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';

/** Axes of an operator that takes them as an input since some operator set, and as an attribute before. */
export function axesOf({ node, inputs }: RuleContext, position: number): number[] | undefined | 'unknown' {
  const input = inputs[position];
  if (input !== undefined) return numbersOf(input) ?? 'unknown';
  return node.attributes.has('axes') ? getInts(node, 'axes', []) : undefined;
}

const transpose: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims, values } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  const perm = getInts(
    node,
    'perm',
    dims.map((_, axis) => dims.length - 1 - axis),
  );
  const valid = perm.length === dims.length && new Set(perm).size === perm.length;
  if (!valid || perm.some((axis) => axis < 0 || axis >= dims.length)) {
    throw shapeError(node, 'perm does not fit the tensor', `an order of ${dims.length} axes`, `[${perm}]`);
  }
  const permuted = perm.map((axis) => dims[axis]!);
  if (values === undefined || !isStatic(dims) || !isStatic(permuted)) return [{ dtype, dims: permuted }];
  const moved = mapElements(permuted, (index) => {
    const source = new Array<number>(dims.length);
    for (const [to, from] of perm.entries()) source[from] = index[to]!;
    return values[flatIndex(dims, source)] ?? null;
  });
  return [facts(dtype, permuted, moved)];
};

/** Input dimensions over output dimensions, where equal symbols cancel. */
function quotient(
  input: readonly Dim[],
  output: readonly Dim[],
): { number: number | null; symbols: string[] } {
  const symbols = input.filter((dim) => typeof dim === 'string');
  let known = !input.includes(null);
  for (const dim of output) {
    if (typeof dim === 'number') continue;
    const position = dim === null ? -1 : symbols.indexOf(dim);
    if (position < 0) known = false;
    else symbols.splice(position, 1);
  }
  const above = product(input.filter((dim) => typeof dim === 'number'));
  const below = product(output.filter((dim) => typeof dim === 'number'));
  return { number: known && above !== null && below !== null ? above / below : null, symbols };
}

function missingDim(
  context: RuleContext,
  input: readonly Dim[],
  rest: readonly Dim[],
  target: readonly Dim[],
): Dim {
  const { number, symbols } = quotient(input, rest);
  if (number === null || Number.isNaN(number)) return null;
  if (symbols.length > 0) return number === 1 && symbols.length === 1 ? (symbols[0] ?? null) : null;
  if (!Number.isInteger(number)) {
    throw shapeError(
      context.node,
      'the elements do not fill the new shape',
      showDims(target),
      showDims(input),
    );
  }
  return number;
}

/** The shape that a Reshape target asks for: 0 copies a dimension (unless allowzero), -1 takes what is left. */
function reshapedDims(
  context: RuleContext,
  input: readonly Dim[] | undefined,
  target: readonly Element[],
): Dim[] {
  const copyZeros = getInt(context.node, 'allowzero', 0) === 0;
  const dims = target.map((dim, axis) => {
    if (dim !== 0 || !copyZeros) return dim;
    if (input !== undefined && axis >= input.length) {
      throw shapeError(
        context.node,
        'the target copies an axis that is not there',
        showDims(input),
        showDims(target),
      );
    }
    return input?.[axis] ?? null;
  });
  const inferred = dims.indexOf(-1);
  const open =
    inferred >= 0 ? inferred : dims.filter((dim) => dim === null).length === 1 ? dims.indexOf(null) : -1;
  if (open >= 0) {
    const rest = dims.filter((_, axis) => axis !== open);
    dims[open] = input === undefined ? null : missingDim(context, input, rest, target);
  } else if (input !== undefined && isStatic(input) && isStatic(dims) && product(input) !== product(dims)) {
    throw shapeError(
      context.node,
      'the elements do not fill the new shape',
      showDims(target),
      showDims(input),
    );
  }
  return dims;
}

const reshape: ShapeRule = (context) => {
  const { dtype, dims, values } = context.inputs[0] ?? UNKNOWN;
  const shape = context.inputs[1];
  const attribute = context.node.attributes.has('shape') ? getInts(context.node, 'shape', []) : undefined;
  const target = shape?.values ?? attribute;
  if (target !== undefined) return [facts(dtype, reshapedDims(context, dims, target), values)];
  const rank = shape?.dims?.length === 1 ? shape.dims[0] : undefined;
  return [{ dtype, dims: typeof rank === 'number' ? new Array<Dim>(rank).fill(null) : undefined }];
};

const flatten: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims, values } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims: [null, null] }];
  const axis = normalizeAxis(node, getInt(node, 'axis', 1), dims.length, true);
  const fold = (part: Dim[]): Dim => (part.length === 1 ? (part[0] ?? null) : product(part));
  return [facts(dtype, [fold(dims.slice(0, axis)), fold(dims.slice(axis))], values)];
};

function withoutAxes(context: RuleContext, input: TensorFacts): Dim[] | undefined {
  const { dims } = input;
  const axes = axesOf(context, 1);
  if (dims === undefined || axes === 'unknown') return undefined;
  if (axes === undefined) return isStatic(dims) ? dims.filter((dim) => dim !== 1) : undefined;
  const dropped = new Set(axes.map((axis) => normalizeAxis(context.node, axis, dims.length)));
  for (const axis of dropped) {
    const dim = dims[axis];
    if (typeof dim === 'number' && dim !== 1) {
      throw shapeError(
        context.node,
        'only an axis of length 1 can be dropped',
        '1',
        `${dim} on axis ${axis}`,
      );
    }
  }
  return dims.filter((_, axis) => !dropped.has(axis));
}

const squeeze: ShapeRule = (context) => {
  const input = context.inputs[0] ?? UNKNOWN;
  return [facts(input.dtype, withoutAxes(context, input), input.values)];
};

const unsqueeze: ShapeRule = (context) => {
  const { dtype, dims, values } = context.inputs[0] ?? UNKNOWN;
  const axes = axesOf(context, 1);
  if (dims === undefined || axes === undefined || axes === 'unknown') return [{ dtype, dims: undefined }];
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((axis) => normalizeAxis(context.node, axis, rank)));
  if (added.size !== axes.length) {
    throw shapeError(context.node, 'an axis is added twice', 'distinct axes', `[${axes}]`);
  }
  const rest = [...dims];
  const widened = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? null)));
  return [facts(dtype, widened, values)];
};

function scaled(dim: Dim | undefined, up: number, down: number): Dim {
  if (typeof dim === 'number') return Math.floor((dim * up) / down);
  return up === down ? (dim ?? null) : null;
}

const depthToSpace: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  checkRank(node, dims, 4);
  const block = getInt(node, 'blocksize', 1);
  const [batch, channels, height, width] = dims;
  const spatial = [scaled(height, block, 1), scaled(width, block, 1)];
  return [{ dtype, dims: [batch ?? null, scaled(channels, 1, block * block), ...spatial] }];
};

const spaceToDepth: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  checkRank(node, dims, 4);
  const block = getInt(node, 'blocksize', 1);
  const [batch, channels, height, width] = dims;
  const spatial = [scaled(height, 1, block), scaled(width, 1, block)];
  return [{ dtype, dims: [batch ?? null, scaled(channels, block * block, 1), ...spatial] }];
};

export const LAYOUT_RULES: ShapeRules = {
  Transpose: transpose,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
