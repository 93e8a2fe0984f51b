import { type OnnxModel, readWeight, TABLE_PREFIX, weightOf } from '@cachequant/onnx';
import { CacheQuantError, tensor } from '@cachequant/tensor';
import type { CacheCoefficients } from './fold-cache-correction.js';

const TABLE = `${TABLE_PREFIX}cache_correction`;
const COLUMNS = ['a0', 'a1', 'b'] as const;

/** A coefficient that a graph has a column for. */
export type CacheCorrectionColumn = (typeof COLUMNS)[number];

/**
 * The coefficients that `foldCacheCorrection` has written into a graph: those that were not neutral, in the order of
 * the table's columns.
 */
export function cacheCorrectionColumns({ graph }: OnnxModel): CacheCorrectionColumn[] {
  if (!graph.initializers.has(TABLE)) return [];
  const outputs = new Set(graph.nodes.flatMap((node) => node.outputs));
  return COLUMNS.filter((name) => outputs.has(`cache_correction/${name}`));
}

/**
 * The graph with other coefficients in its folded correction; everything else is shared with the given model.
 * @throws CacheQuantError `unsupported` when a coefficient that is not neutral has no column, `shape` when the
 * coefficients are of another model
 */
export async function replaceCacheCorrection(
  model: OnnxModel,
  coefficients: CacheCoefficients,
): Promise<OnnxModel> {
  const columns = cacheCorrectionColumns(model);
  const { calls, channels } = coefficients;
  for (const name of COLUMNS) requireRoom(name, coefficients[name], columns);
  const before = model.graph.initializers.get(TABLE);
  if (before === undefined) return model;
  const { dims } = await readWeight(before);
  const width = columns.length * channels;
  if (dims[0] !== calls || dims[1] !== width) {
    throw new CacheQuantError('shape', 'the coefficients are of another model', {
      where: TABLE,
      expected: `[${dims}]`,
      got: `[${calls},${width}]`,
    });
  }
  const table = tensor('float32', dims);
  for (let call = 0; call < calls; call++) {
    for (const [i, name] of columns.entries()) {
      const row = coefficients[name].subarray(call * channels, (call + 1) * channels);
      table.data.set(row, call * width + i * channels);
    }
  }
  const initializers = new Map(model.graph.initializers).set(TABLE, weightOf(table, TABLE));
  return { ...model, graph: { ...model.graph, initializers } };
}

function requireRoom(
  name: CacheCorrectionColumn,
  values: Float32Array,
  columns: readonly CacheCorrectionColumn[],
): void {
  const neutral = name === 'a0' ? 1 : 0;
  if (columns.includes(name) || values.every((value) => value === neutral)) return;
  throw new CacheQuantError('unsupported', 'the graph has no column for a coefficient of this correction', {
    where: TABLE,
    expected:
      columns.length > 0 ? `coefficients ${columns.join(', ')} alone` : 'a correction that does nothing',
    got: name,
    hint: 'Optimize the model again with cacheCorrection: forecast.',
  });
}
