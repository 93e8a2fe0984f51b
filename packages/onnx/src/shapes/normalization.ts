import { dtypeOf } from '../element-types.js';
import { getInt } from '../node.js';
import { normalizeAxis } from './dims.js';
import { sameAsFirst } from './elementwise.js';
import { UNKNOWN } from './facts.js';
import type { ShapeRule, ShapeRules } from './rule.js';

const layerNormalization: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  const from = dims === undefined ? 0 : normalizeAxis(node, getInt(node, 'axis', -1), dims.length);
  const stash = {
    dtype: dtypeOf(getInt(node, 'stash_type', 1)),
    dims: dims?.map((dim, axis) => (axis < from ? dim : 1)),
  };
  return [{ dtype, dims }, stash, stash];
};

const batchNormalization: ShapeRule = ({ inputs }) => [
  { dtype: inputs[0]?.dtype ?? null, dims: inputs[0]?.dims },
  { dtype: inputs[3]?.dtype ?? null, dims: inputs[3]?.dims },
  { dtype: inputs[4]?.dtype ?? null, dims: inputs[4]?.dims },
];

const dropout: ShapeRule = ({ inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  return [
    { dtype, dims },
    { dtype: 'bool', dims },
  ];
};

const skipNormalization: ShapeRule = ({ inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  return [{ dtype, dims }, UNKNOWN, UNKNOWN, { dtype, dims }];
};

const SAME = [
  'InstanceNormalization',
  'GroupNormalization',
  'MeanVarianceNormalization',
  'LpNormalization',
  'LRN',
  'Softmax',
  'LogSoftmax',
  'Hardmax',
  'CumSum',
  'Trilu',
  'RotaryEmbedding',
  'ReverseSequence',
  'com.microsoft.GroupNorm',
  'com.microsoft.RotaryEmbedding',
];

export const NORMALIZATION_RULES: ShapeRules = {
  ...Object.fromEntries(SAME.map((name) => [name, sameAsFirst])),
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: layerNormalization,
  RMSNormalization: layerNormalization,
  BatchNormalization: batchNormalization,
  Dropout: dropout,
  'com.microsoft.SkipLayerNormalization': skipNormalization,
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNormalization,
};
