import { dtypeOf } from '../element-types.js';
import type { Dim } from '../model.js';
import { getFloat, getInt, getInts } from '../node.js';
import { roundTo } from './arithmetic.js';
import { normalizeAxis, product } from './dims.js';
import { facts, isStatic, MAX_VALUES, scalarOf, UNKNOWN } from './facts.js';
import { openDims } from './growing.js';
import type { ShapeRule, ShapeRules } from './rule.js';
import { weightFacts } from './weight-facts.js';

const constant: ShapeRule = ({ node }) => {
  const value = node.attributes.get('value');
  if (value?.type === 'tensor') return [weightFacts(value.value)];
  if (node.attributes.has('value_int')) return [facts('int64', [], [getInt(node, 'value_int', 0)])];
  if (node.attributes.has('value_float')) return [facts('float32', [], [getFloat(node, 'value_float', 0)])];
  const ints = getInts(node, 'value_ints', []);
  if (node.attributes.has('value_ints')) return [facts('int64', [ints.length], ints)];
  const floats = node.attributes.get('value_floats');
  return floats?.type === 'floats' ? [facts('float32', [floats.value.length], floats.value)] : [UNKNOWN];
};

const shape: ShapeRule = ({ node, inputs }) => {
  const dims = inputs[0]?.dims;
  if (dims === undefined) return [{ dtype: 'int64', dims: [null] }];
  const clamp = (bound: number): number =>
    Math.min(Math.max(bound < 0 ? bound + dims.length : bound, 0), dims.length);
  const part = dims.slice(clamp(getInt(node, 'start', 0)), clamp(getInt(node, 'end', dims.length)));
  return [facts('int64', [part.length], part)];
};

const size: ShapeRule = ({ inputs }) => [
  facts('int64', [], [inputs[0]?.dims === undefined ? null : product(inputs[0].dims)]),
];

const constantOfShape: ShapeRule = ({ node, inputs }) => {
  const values = inputs[0]?.values;
  const dims = values === undefined ? openDims(inputs[0]) : [...values];
  const attribute = node.attributes.get('value');
  const fill = attribute?.type === 'tensor' ? weightFacts(attribute.value) : facts('float32', [1], [0]);
  const count = isStatic(dims) ? dims.reduce((total, dim) => total * dim, 1) : Number.POSITIVE_INFINITY;
  const filled =
    count <= MAX_VALUES && fill.values ? new Array<Dim>(count).fill(fill.values[0] ?? null) : undefined;
  return [facts(fill.dtype, dims, filled)];
};

const range: ShapeRule = ({ inputs }) => {
  const dtype = inputs[0]?.dtype ?? null;
  const [start, limit, delta] = inputs.map(scalarOf);
  if (typeof start !== 'number' || typeof limit !== 'number' || typeof delta !== 'number') {
    return [{ dtype, dims: [start === 0 && delta === 1 ? (limit ?? null) : null] }];
  }
  const count = Math.max(Math.ceil((limit - start) / delta), 0);
  if (!Number.isFinite(count)) return [{ dtype, dims: [null] }];
  const values =
    count <= MAX_VALUES
      ? Array.from({ length: count }, (_, at) => roundTo(dtype, start + at * delta))
      : undefined;
  return [facts(dtype, [count], values)];
};

const random: ShapeRule = ({ node }) => [
  { dtype: dtypeOf(getInt(node, 'dtype', 1)), dims: getInts(node, 'shape', []) },
];

const randomLike: ShapeRule = ({ node, inputs }) => {
  const dtype = node.attributes.has('dtype') ? dtypeOf(getInt(node, 'dtype', 1)) : inputs[0]?.dtype;
  return [{ dtype: dtype ?? null, dims: inputs[0]?.dims }];
};

const oneHot: ShapeRule = ({ node, inputs }) => {
  const dtype = inputs[2]?.dtype ?? null;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return [{ dtype, dims }];
  const axis = normalizeAxis(node, getInt(node, 'axis', -1), dims.length + 1);
  return [{ dtype, dims: [...dims.slice(0, axis), scalarOf(inputs[1]), ...dims.slice(axis)] }];
};

const nonZero: ShapeRule = ({ inputs }) => [
  { dtype: 'int64', dims: [inputs[0]?.dims?.length ?? null, null] },
];

export const CREATION_RULES: ShapeRules = {
  Constant: constant,
  Shape: shape,
  Size: size,
  ConstantOfShape: constantOfShape,
  Range: range,
  RandomNormal: random,
  RandomUniform: random,
  RandomNormalLike: randomLike,
  RandomUniformLike: randomLike,
  EyeLike: randomLike,
  Bernoulli: randomLike,
  OneHot: oneHot,
  NonZero: nonZero,
};
