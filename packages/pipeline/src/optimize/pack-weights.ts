import { createWeightFile } from '@cachequant/onnx';
import { type PackedWeight, packWeight, type WeightBits } from '@cachequant/quantizer';
import { throwIfAborted } from '@cachequant/tensor';
import type { DenoiserGraphs } from './denoiser-graphs.js';
import type { Laboratory } from './laboratory.js';
import type { LayerDecision } from './layer-plan.js';

/** Weights of a denoiser as the integer graphs use them, in one file on disk. */
export interface PackedWeights {
  readonly compute: ReadonlyMap<string, PackedWeight>;
  readonly store: ReadonlyMap<string, PackedWeight>;
}

/** What `packWeights` saves: by layer id. */
export interface PackedRecord {
  readonly purpose: 'compute' | 'storage';
  readonly packed: PackedWeight;
}

/**
 * Quantizes every weight, one in memory at a time, into `int8/weights.bin`; what stays in float stays where it is.
 */
export async function packWeights(
  lab: Laboratory,
  graphs: DenoiserGraphs,
  decisions: readonly LayerDecision[],
  bits: WeightBits,
): Promise<Record<string, PackedRecord>> {
  const file = await createWeightFile(lab.work, 'int8/weights.bin', { location: 'weights.bin' });
  const records: Record<string, PackedRecord> = {};
  try {
    for (const [i, decision] of decisions.entries()) {
      throwIfAborted(lab.signal);
      lab.onProgress?.({ stage: 'quantize weights', done: i, total: decisions.length });
      if (decision.storage === 'float32') continue;
      const layer = graphs.full.layers.find((candidate) => candidate.id === decision.id)!;
      const purpose = decision.compute === 'integer' ? 'compute' : 'storage';
      const storageBits = purpose === 'storage' ? 8 : bits;
      const packed = await packWeight(layer, storageBits, purpose, (weight) => file.add(weight));
      records[decision.id] = { purpose, packed };
    }
    lab.onProgress?.({ stage: 'quantize weights', done: decisions.length, total: decisions.length });
    await file.commit();
    return records;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** Takes saved records apart by what they are for. */
export function sortPacked(records: Readonly<Record<string, PackedRecord>>): PackedWeights {
  const of = (purpose: PackedRecord['purpose']) =>
    new Map(
      Object.entries(records)
        .filter(([, record]) => record.purpose === purpose)
        .map(([id, record]) => [id, record.packed]),
    );
  return { compute: of('compute'), store: of('storage') };
}
