import type { OnnxModel } from '@cachequant/onnx';
import type { ActivationGridTable, PackedWeight } from '@cachequant/quantizer';
import type { CalibrationContext } from '../calibration-context.js';
import { integerForm } from '../graphs/cached-graphs.js';
import type { AnalyzedGraph } from '../graphs/denoiser-graphs.js';
import type { FloatTrajectory } from '../observe/trajectory.js';
import type { PackOptions } from './pack-weights.js';
import { type PackedRecord, type PackedWeights, weightIn } from './packed-weights.js';

/** Beside the float graphs, so that graphs made of both need no copies of weights. */
export const EXPERIMENT_WEIGHTS = 'float/int8.bin';
const EXPERIMENT_GRAPHS = 'float/experiment';

/** Everything that can be integers as integers, to be measured layer by layer before it is decided. */
export interface LayerExperiment {
  readonly context: CalibrationContext;
  readonly graph: AnalyzedGraph;
  /** The float full graph as it lies in the work folder. */
  readonly float: OnnxModel;
  readonly packed: PackedWeights;
  readonly grids: ActivationGridTable;
  readonly trajectory: FloatTrajectory;
  readonly cachedPart: CachedPart;
}

/** What of the full graph cached calls compute. */
export interface CachedPart {
  /** Of its layers. */
  readonly ids: ReadonlySet<string>;
  /** Of the full graph's multiply-adds. */
  readonly share: number;
}

/** Path in the work folder for a graph of the experiment. */
export function experimentPath(name: string): string {
  return `${EXPERIMENT_GRAPHS}-${name}.onnx`;
}

/**
 * The integer form of the full graph.
 * @param inFloat layers that compute in float
 * @param stored those of them whose weights are integers
 */
export function experimentForm(
  { graph, float, packed, grids }: LayerExperiment,
  inFloat: ReadonlySet<string> = new Set(),
  stored: ReadonlyMap<string, PackedWeight> = new Map(),
): OnnxModel {
  const compute = new Map([...packed.compute].filter(([id]) => !inFloat.has(id)));
  const store = new Map([...packed.store, ...stored]);
  return integerForm(float, graph, { packed: { compute, store }, grids });
}

/** Removes what the experiment left in the work folder. */
export async function removeExperiment({ work }: Pick<CalibrationContext, 'work'>): Promise<void> {
  await work.remove(EXPERIMENT_WEIGHTS);
  for (const path of await work.list('float')) {
    if (path.startsWith(EXPERIMENT_GRAPHS)) await work.remove(path);
  }
}

/** The experiment's weights for those layers that go on as they were tried. */
export function experimentWeights(
  { work }: Pick<CalibrationContext, 'work'>,
  records: Readonly<Record<string, PackedRecord>>,
): NonNullable<PackOptions['known']> {
  return async ({ id, compute, storage }) => {
    const record = records[id];
    const purpose = compute === 'integer' ? 'compute' : 'storage';
    if (storage !== 'int8' || record?.purpose !== purpose) return undefined;
    return weightIn(work, EXPERIMENT_WEIGHTS, record.packed);
  };
}
