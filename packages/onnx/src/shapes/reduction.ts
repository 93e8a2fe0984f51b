import type { DType } from '@cachequant/tensor';
import type { Dim } from '../model.js';
import { getInt } from '../node.js';
import { roundTo } from './arithmetic.js';
import { normalizeAxis } from './dims.js';
import { type Element, facts, isStatic, scalarOf, type TensorFacts, UNKNOWN } from './facts.js';
import { axesOf } from './layout.js';
import type { RuleContext, ShapeRule, ShapeRules } from './rule.js';

const FOLDS: Readonly<Record<string, (values: number[]) => number>> = {
  ReduceSum: (values) => values.reduce((total, value) => total + value, 0),
  ReduceProd: (values) => values.reduce((total, value) => total * value, 1),
  ReduceMax: (values) => Math.max(...values),
  ReduceMin: (values) => Math.min(...values),
};

function reducedDims(context: RuleContext, dims: readonly Dim[]): Dim[] | undefined {
  const axes = axesOf(context, 1);
  const keep = getInt(context.node, 'keepdims', 1) === 1;
  if (axes === 'unknown') return keep ? dims.map(() => null) : undefined;
  if ((axes ?? []).length === 0 && getInt(context.node, 'noop_with_empty_axes', 0) === 1) return [...dims];
  const all = axes === undefined || axes.length === 0 ? dims.map((_, axis) => axis) : axes;
  const reduced = new Set(all.map((axis) => normalizeAxis(context.node, axis, dims.length)));
  return keep
    ? dims.map((dim, axis) => (reduced.has(axis) ? 1 : dim))
    : dims.filter((_, axis) => !reduced.has(axis));
}

/** The result of reducing a constant to a single element. */
function foldAll(opType: string, input: TensorFacts, dims: Dim[] | undefined): Element[] | undefined {
  const fold = FOLDS[opType];
  const numbers = input.values?.filter((value) => typeof value === 'number');
  if (fold === undefined || numbers === undefined || numbers.length !== input.values?.length)
    return undefined;
  const single = isStatic(dims) && dims.every((dim) => dim === 1);
  return single && numbers.length > 0 ? [roundTo(input.dtype, fold(numbers))] : undefined;
}

const reduce: ShapeRule = (context) => {
  const input = context.inputs[0] ?? UNKNOWN;
  const dims = input.dims === undefined ? undefined : reducedDims(context, input.dims);
  return [facts(input.dtype, dims, foldAll(context.node.opType, input, dims))];
};

const argReduce: ShapeRule = ({ node, inputs }) => {
  const dims = inputs[0]?.dims;
  if (dims === undefined) return [{ dtype: 'int64', dims }];
  const axis = normalizeAxis(node, getInt(node, 'axis', 0), dims.length);
  const keep = getInt(node, 'keepdims', 1) === 1;
  return [{ dtype: 'int64', dims: dims.flatMap((dim, at) => (at !== axis ? [dim] : keep ? [1] : [])) }];
};

const topK: ShapeRule = ({ node, opset, inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  const picked = dims === undefined ? undefined : [...dims];
  if (picked !== undefined) {
    const axis = normalizeAxis(node, getInt(node, 'axis', -1), picked.length);
    picked[axis] = opset < 10 ? getInt(node, 'k', 1) : scalarOf(inputs[1]);
  }
  const indices: DType = 'int64';
  return [
    { dtype, dims: picked },
    { dtype: indices, dims: picked },
  ];
};

const NAMES = ['Sum', 'Prod', 'Max', 'Min', 'Mean', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'];

export const REDUCTION_RULES: ShapeRules = {
  ...Object.fromEntries(NAMES.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argReduce,
  ArgMin: argReduce,
  TopK: topK,
};
