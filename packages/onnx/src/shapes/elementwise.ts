import type { DType } from '@cachequant/tensor';
import { dtypeOf } from '../element-types.js';
import type { Dim } from '../model.js';
import { getFloat, getInt } from '../node.js';
import { BINARY_OPERATIONS, COMPARISONS, castElement, roundTo, UNARY_OPERATIONS } from './arithmetic.js';
import { broadcast, flatIndex, mapElements } from './dims.js';
import { type Element, facts, isStatic, MAX_VALUES, type TensorFacts, UNKNOWN } from './facts.js';
import type { RuleContext, ShapeRule, ShapeRules } from './rule.js';

/** The same type and shape as the first input. */
export const sameAsFirst: ShapeRule = ({ inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  return [{ dtype, dims }];
};

/** The same tensor as the first input, elements included. */
const identity: ShapeRule = ({ inputs }) => [inputs[0] ?? UNKNOWN];

/** Combines elements of inputs that broadcast together. */
function combine(
  inputs: readonly (TensorFacts | undefined)[],
  dims: Dim[] | undefined,
  apply: (elements: Element[]) => Element,
): Element[] | undefined {
  if (!isStatic(dims) || dims.reduce((total, dim) => total * dim, 1) > MAX_VALUES) return undefined;
  const known = inputs.map((input) => (isStatic(input?.dims) ? input : undefined));
  if (known.some((input) => input?.values === undefined)) return undefined;
  return mapElements(dims, (index) =>
    apply(known.map((input) => input!.values![flatIndex(input!.dims as number[], index)] ?? null)),
  );
}

const firstDtype = (inputs: readonly (TensorFacts | undefined)[]): DType | null =>
  inputs.find((input) => input?.dtype)?.dtype ?? null;

function broadcasting(resultDtype: (context: RuleContext) => DType | null, opType: string): ShapeRule {
  const operation = BINARY_OPERATIONS[opType] ?? COMPARISONS[opType];
  return (context) => {
    const dtype = resultDtype(context);
    const present = context.inputs.filter((input) => input !== undefined);
    if (present.length === 0) return [UNKNOWN];
    const dims = broadcast(
      context.node,
      present.map((input) => input.dims),
    );
    const exact = operation !== undefined && !(opType === 'Mod' && getInt(context.node, 'fmod', 0) === 1);
    const values = exact
      ? combine(present, dims, (elements) => elements.reduce((a, b) => operation(a, b, dtype)))
      : undefined;
    return [facts(dtype, dims, values)];
  };
}

function unary(opType: string): ShapeRule {
  const operation = UNARY_OPERATIONS[opType];
  return ({ inputs }) => {
    const { dtype, dims, values } = inputs[0] ?? UNKNOWN;
    if (operation === undefined) return [{ dtype, dims }];
    const apply = (value: Element): Element => {
      const result = typeof value === 'number' ? operation(value) : Number.NaN;
      return Number.isNaN(result) ? null : roundTo(dtype, result);
    };
    return [facts(dtype, dims, values?.map(apply))];
  };
}

const not: ShapeRule = ({ inputs }) => {
  const { dims, values } = inputs[0] ?? UNKNOWN;
  return [
    facts(
      'bool',
      dims,
      values?.map((value) => (typeof value === 'number' ? Number(value === 0) : null)),
    ),
  ];
};

const toBool: ShapeRule = ({ inputs }) => [{ dtype: 'bool', dims: inputs[0]?.dims }];

const where: ShapeRule = ({ node, inputs }) => {
  const dims = broadcast(
    node,
    inputs.map((input) => input?.dims),
  );
  const values = combine(inputs, dims, ([condition, yes, no]) => {
    if (typeof condition === 'number') return (condition !== 0 ? yes : no) ?? null;
    return yes === no ? (yes ?? null) : null;
  });
  return [facts(firstDtype(inputs.slice(1)), dims, values)];
};

function castTo(dtype: DType | null, input: TensorFacts): TensorFacts {
  return facts(
    dtype,
    input.dims,
    input.values?.map((value) => castElement(value, dtype)),
  );
}

const cast: ShapeRule = ({ node, inputs }) => [castTo(dtypeOf(getInt(node, 'to', 0)), inputs[0] ?? UNKNOWN)];

const castLike: ShapeRule = ({ inputs }) => [castTo(inputs[1]?.dtype ?? null, inputs[0] ?? UNKNOWN)];

const clip: ShapeRule = ({ node, opset, inputs }) => {
  const { dtype, dims, values } = inputs[0] ?? UNKNOWN;
  const bound = (position: number, name: string, otherwise: number): Element => {
    if (opset < 11) return getFloat(node, name, otherwise);
    return inputs[position] === undefined ? otherwise : (inputs[position].values?.[0] ?? null);
  };
  const low = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const high = bound(2, 'max', Number.POSITIVE_INFINITY);
  const apply = (value: Element): Element =>
    typeof value === 'number' && typeof low === 'number' && typeof high === 'number'
      ? Math.min(Math.max(value, low), high)
      : null;
  return [facts(dtype, dims, values?.map(apply))];
};

function table(names: string, rule: (opType: string) => ShapeRule): ShapeRules {
  return Object.fromEntries(
    names.split(' ').map((name) => [name, rule(name.replace(/^com\.microsoft\./, ''))]),
  );
}

export const ELEMENTWISE_RULES: ShapeRules = {
  ...table(
    'Add Sub Mul Div Mod Pow Min Max Sum Mean PRelu BitwiseAnd BitwiseOr BitwiseXor BitShift',
    (opType) => broadcasting(({ inputs }) => firstDtype(inputs), opType),
  ),
  ...table('Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor', (opType) =>
    broadcasting(() => 'bool', opType),
  ),
  ...table(
    'Neg Abs Sqrt Floor Ceil Round Reciprocal Exp Log Sign Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh ' +
      'Atanh Erf Sigmoid Relu LeakyRelu Elu Celu Selu ThresholdedRelu HardSigmoid HardSwish Mish Softplus Softsign ' +
      'Gelu Swish Shrink BitwiseNot com.microsoft.Gelu com.microsoft.FastGelu com.microsoft.QuickGelu ' +
      'com.microsoft.BiasGelu com.microsoft.RotaryEmbedding',
    unary,
  ),
  Not: not,
  IsNaN: toBool,
  IsInf: toBool,
  Where: where,
  Cast: cast,
  CastLike: castLike,
  Clip: clip,
  Identity: identity,
};
