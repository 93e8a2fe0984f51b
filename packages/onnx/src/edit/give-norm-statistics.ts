import { constantOf } from '../analyze/constant-of.js';
import { topologicalSort } from '../analyze/topological-sort.js';
import { elementTypeOf } from '../element-types.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import { getFloat } from '../node.js';
import { CallTableBuilder } from './call-tables.js';
import { cloneModel } from './clone-model.js';

/** Names of what {@link giveNormStatistics} adds to a graph. */
export const NORM_STATISTICS = {
  /** Input [B, K, 1], float32: mean and variance of every group of every norm. */
  given: 'norm_statistics',
  /** Input, a bool: whether those are taken, or the norms' own. */
  isGiven: 'norm_statistics_given',
  /** Output [B, K, 1], float32: the norms' own mean and variance. */
  own: 'own_norm_statistics',
} as const;

/**
 * Lets every InstanceNormalization, as which group norms are exported, take mean and variance from an input in place of
 * its own, and report its own. With the statistics of a whole picture its parts can be computed one by one.
 *
 * @returns undefined for a graph without such norms, or whose norms are not in float32
 */
export function giveNormStatistics(model: OnnxModel): OnnxModel | undefined {
  const result = cloneModel(model);
  const { graph } = result;
  const norms = graph.nodes.filter(
    ({ opType, domain }) => opType === 'InstanceNormalization' && domain === '',
  );
  const scales = norms.map(({ inputs }) => constantOf(graph, inputs[1]!));
  if (norms.length === 0 || scales.some((scale) => scale?.dtype !== 'float32')) return undefined;
  topologicalSort(graph);
  graph.nodes = graph.nodes.filter((node) => !norms.includes(node));
  const builder = new CallTableBuilder(result);
  const own: string[] = [];
  let count = 0;
  for (const [i, norm] of norms.entries()) {
    const groups = scales[i]!.dims[0]!;
    own.push(...replaceNorm(builder, norm, count, groups));
    count += 2 * groups;
  }
  builder.node('Concat', own, NORM_STATISTICS.own, { axis: 1 });
  const type = { dtype: 'float32' as const, elementType: elementTypeOf('float32'), dims: [null, count, 1] };
  graph.inputs.push({ name: NORM_STATISTICS.given, ...type });
  graph.inputs.push({
    name: NORM_STATISTICS.isGiven,
    dtype: 'bool',
    elementType: elementTypeOf('bool'),
    dims: [],
  });
  graph.outputs.push({ name: NORM_STATISTICS.own, ...type });
  topologicalSort(graph);
  return result;
}

/** @returns names of its own mean and variance, each [B, groups, 1] */
function replaceNorm(
  builder: CallTableBuilder,
  norm: OnnxNode,
  from: number,
  groups: number,
): [string, string] {
  const [x, scale, bias] = norm.inputs as [string, string, string];
  const [output] = norm.outputs as [string];
  const named = (part: string) => builder.name(`${output}/${part}`);
  const ints = (part: string, ...values: number[]) =>
    builder.constant(`${output}/${part}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  const listed = ints('listed', 0, -1, 1);
  const mean = builder.node('GlobalAveragePool', [x], named('mean'));
  const centred = builder.node('Sub', [x, mean], named('centred'));
  const squares = builder.node('Mul', [centred, centred], named('squares'));
  const variance = builder.node('GlobalAveragePool', [squares], named('variance'));
  const [ownMean, ownVariance] = [
    builder.node('Reshape', [mean, listed], named('own_mean')),
    builder.node('Reshape', [variance, listed], named('own_variance')),
  ];
  const axis = ints('axis', 1);
  const taken = (own: string, part: string, start: number) => {
    const bounds = [ints(`${part}_start`, start), ints(`${part}_end`, start + groups), axis];
    const given = builder.node('Slice', [NORM_STATISTICS.given, ...bounds], named(`given_${part}`));
    return builder.node('Where', [NORM_STATISTICS.isGiven, given, own], named(`taken_${part}`));
  };
  const usedMean = taken(ownMean, 'mean', from);
  const usedVariance = taken(ownVariance, 'variance', from + groups);
  const epsilon = builder.constant(
    `${output}/epsilon`,
    'float32',
    [],
    Float32Array.of(getFloat(norm, 'epsilon', 1e-5)),
  );
  const perGroup = (name: string, part: string) =>
    builder.node('Reshape', [name, ints(part, 1, -1, 1)], named(part));
  const positive = builder.node('Add', [usedVariance, epsilon], named('positive'));
  const deviation = builder.node('Sqrt', [positive], named('deviation'));
  const gain = builder.node('Div', [perGroup(scale, 'scale'), deviation], named('gain'));
  const shifted = builder.node('Mul', [usedMean, gain], named('shifted'));
  const offset = builder.node('Sub', [perGroup(bias, 'bias'), shifted], named('offset'));
  // As many dimensions as the norm's input has.
  const shape = builder.node('Shape', [mean], named('shape'));
  const placed = (name: string) => builder.node('Reshape', [name, shape], named('placed'));
  const scaled = builder.node('Mul', [x, placed(gain)], named('scaled'));
  builder.node('Add', [scaled, placed(offset)], output);
  return [ownMean, ownVariance];
}
