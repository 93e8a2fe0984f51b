import { createWeightFile, type OnnxModel, openSource, type WeightData } from '@cachequant/onnx';
import { type PackedWeight, packWeight, type WeightBits } from '@cachequant/quantizer';
import { type Storage, throwIfAborted } from '@cachequant/tensor';
import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import type { Laboratory } from '../laboratory.js';
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

/** Where everything of the layers lies in the file. */
export interface PackedFile {
  /** By layer id. */
  readonly records: Readonly<Record<string, PackedRecord>>;
  /** Weights that stay in float, by name: both graphs read them from here. */
  readonly floats: Readonly<Record<string, WeightData>>;
}

export interface PackOptions {
  /** Path of the file in the work folder. */
  readonly path: string;
  readonly bits: WeightBits;
  /** A weight that was quantized before as the decision says, with integers that can be read. */
  readonly known?: (decision: LayerDecision) => Promise<PackedWeight | undefined>;
}

/** Quantizes weights, one in memory at a time, into a file, with those that stay in float. */
export async function packWeights(
  lab: Laboratory,
  graphs: DenoiserGraphs,
  decisions: readonly LayerDecision[],
  { path, bits, known }: PackOptions,
): Promise<PackedFile> {
  const location = path.slice(path.lastIndexOf('/') + 1);
  const file = await createWeightFile(lab.work, path, { location });
  const records: Record<string, PackedRecord> = {};
  const floats: Record<string, WeightData> = {};
  try {
    for (const [i, decision] of decisions.entries()) {
      throwIfAborted(lab.signal);
      lab.onProgress?.({ stage: 'quantize weights', done: i, total: decisions.length });
      const layer = graphs.full.layers.find((candidate) => candidate.id === decision.id)!;
      if (decision.storage === 'float32') {
        floats[layer.weight.name] = await file.add(layer.weight);
        continue;
      }
      const purpose = decision.compute === 'integer' ? 'compute' : 'storage';
      const before = await known?.(decision);
      const packed = before
        ? { ...before, integers: { ...before.integers, data: await file.add(before.integers) } }
        : await packWeight(layer, {
            bits: bitsOf(decision, bits),
            purpose,
            sink: (weight) => file.add(weight),
          });
      records[decision.id] = { purpose, packed };
    }
    lab.onProgress?.({ stage: 'quantize weights', done: decisions.length, total: decisions.length });
    await file.commit();
    return { records, floats };
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** The model with the weights that stay in float where they lie in the file. */
export function withPackedFloats(model: OnnxModel, { floats }: PackedFile): OnnxModel {
  const initializers = new Map(model.graph.initializers);
  for (const [name, data] of Object.entries(floats)) {
    const weight = initializers.get(name);
    if (weight) initializers.set(name, { ...weight, data });
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

/** A weight of a file in the work folder as one that can be read from there, a piece at a time. */
export async function weightIn(work: Storage, path: string, packed: PackedWeight): Promise<PackedWeight> {
  const { integers } = packed;
  if (integers.data.kind !== 'external') return packed;
  const { offset, length } = integers.data;
  const source = await openSource(work, path);
  return { ...packed, integers: { ...integers, data: { kind: 'range', source, offset, length } } };
}

/** Products of a few vectors compute in float, so that the limits of integer kernels are not theirs. */
function bitsOf({ compute, storage }: LayerDecision, bits: WeightBits): WeightBits {
  if (storage === 'int4') return 4;
  return compute === 'integer' ? bits : 8;
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
