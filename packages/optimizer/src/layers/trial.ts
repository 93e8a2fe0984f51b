import type { OnnxModel } from '@cachequant/onnx';
import type { ActivationGridTable, PackedWeight } from '@cachequant/quantizer';
import { integerForm } from '../graphs/cached-graphs.js';
import type { StudiedGraph } from '../graphs/denoiser-graphs.js';
import type { Laboratory } from '../laboratory.js';
import type { FloatTrajectory } from '../observe/trajectory.js';
import type { PackOptions } from './pack-weights.js';
import { type PackedRecord, type PackedWeights, weightIn } from './packed-weights.js';

/** Beside the float graphs, so that graphs made of both need no copies of weights. */
export const TRIAL_WEIGHTS = 'float/int8.bin';
const TRIAL_GRAPHS = 'float/trial';

/** Everything that can be integers as integers, to be measured layer by layer before it is decided. */
export interface Trial {
  readonly lab: Laboratory;
  readonly graph: StudiedGraph;
  /** The float full graph as it lies in the work folder. */
  readonly float: OnnxModel;
  readonly packed: PackedWeights;
  readonly grids: ActivationGridTable;
  readonly trajectory: FloatTrajectory;
}

/** Path in the work folder for a graph of the trial. */
export function trialPath(name: string): string {
  return `${TRIAL_GRAPHS}-${name}.onnx`;
}

/**
 * The integer form of the full graph.
 * @param inFloat layers that compute in float
 * @param stored those of them whose weights are integers
 */
export function trialForm(
  { graph, float, packed, grids }: Trial,
  inFloat: ReadonlySet<string> = new Set(),
  stored: ReadonlyMap<string, PackedWeight> = new Map(),
): OnnxModel {
  const compute = new Map([...packed.compute].filter(([id]) => !inFloat.has(id)));
  const store = new Map([...packed.store, ...stored]);
  return integerForm(float, graph, { packed: { compute, store }, grids });
}

/** Removes what the trial left in the work folder. */
export async function removeTrial({ work }: Pick<Laboratory, 'work'>): Promise<void> {
  await work.remove(TRIAL_WEIGHTS);
  for (const path of await work.list('float')) {
    if (path.startsWith(TRIAL_GRAPHS)) await work.remove(path);
  }
}

/** The trial's weights for those layers that go on as they were tried. */
export function trialWeights(
  { work }: Pick<Laboratory, 'work'>,
  records: Readonly<Record<string, PackedRecord>>,
): NonNullable<PackOptions['known']> {
  return async ({ id, compute, storage }) => {
    const record = records[id];
    const purpose = compute === 'integer' ? 'compute' : 'storage';
    if (storage !== 'int8' || record?.purpose !== purpose) return undefined;
    return weightIn(work, TRIAL_WEIGHTS, record.packed);
  };
}
