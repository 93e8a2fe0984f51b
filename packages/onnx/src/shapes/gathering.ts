import { getInt } from '../node.js';
import { flatIndex, mapElements, normalizeAxis } from './dims.js';
import { sameAsFirst } from './elementwise.js';
import { facts, isStatic, MAX_VALUES, numbersOf, UNKNOWN } from './facts.js';
import type { ShapeRule, ShapeRules } from './rule.js';

const gather: ShapeRule = ({ node, inputs }) => {
  const data = inputs[0] ?? UNKNOWN;
  const indices = inputs[1] ?? UNKNOWN;
  if (data.dims === undefined || indices.dims === undefined) return [{ dtype: data.dtype, dims: undefined }];
  const axis = normalizeAxis(node, getInt(node, 'axis', 0), data.dims.length);
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  const chosen = numbersOf(indices);
  const { dims: dataDims, values } = data;
  const small = isStatic(dims) && dims.reduce((total, dim) => total * dim, 1) <= MAX_VALUES;
  if (values === undefined || chosen === undefined || !isStatic(dataDims) || !small) {
    return [{ dtype: data.dtype, dims }];
  }
  const indexDims = indices.dims as number[];
  const taken = mapElements(dims, (index) => {
    const at = chosen[flatIndex(indexDims, index.slice(axis, axis + indexDims.length))] ?? 0;
    const wrapped = normalizeAxis(node, at, dataDims[axis]!);
    return (
      values[
        flatIndex(dataDims, [...index.slice(0, axis), wrapped, ...index.slice(axis + indexDims.length)])
      ] ?? null
    );
  });
  return [facts(data.dtype, dims, taken)];
};

const gatherElements: ShapeRule = ({ inputs }) => [
  { dtype: inputs[0]?.dtype ?? null, dims: inputs[1]?.dims },
];

const gatherNd: ShapeRule = ({ node, inputs }) => {
  const data = inputs[0] ?? UNKNOWN;
  const indices = inputs[1] ?? UNKNOWN;
  const depth = indices.dims?.at(-1);
  if (data.dims === undefined || indices.dims === undefined || typeof depth !== 'number') {
    return [{ dtype: data.dtype, dims: undefined }];
  }
  const batch = getInt(node, 'batch_dims', 0);
  return [{ dtype: data.dtype, dims: [...indices.dims.slice(0, -1), ...data.dims.slice(batch + depth)] }];
};

export const GATHERING_RULES: ShapeRules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterElements: sameAsFirst,
  ScatterND: sameAsFirst,
  Scatter: sameAsFirst,
};
