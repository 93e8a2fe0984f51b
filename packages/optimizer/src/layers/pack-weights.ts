import { createWeightFile, type OnnxModel, type WeightData } from '@cachequant/onnx';
import { type Layer, type PackedWeight, packWeight, type WeightBits } from '@cachequant/quantizer';
import { throwIfAborted } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import type { LayerDecision } from './decision.js';
import type { PackedRecord } from './packed-weights.js';

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
  context: CalibrationContext,
  graphs: DenoiserGraphs,
  decisions: readonly LayerDecision[],
  { path, bits, known }: PackOptions,
): Promise<PackedFile> {
  const location = path.slice(path.lastIndexOf('/') + 1);
  const file = await createWeightFile(context.work, path, { location });
  const records: Record<string, PackedRecord> = {};
  const floats: Record<string, WeightData> = {};
  try {
    for (const [i, decision] of decisions.entries()) {
      throwIfAborted(context.signal);
      context.onProgress?.(i, decisions.length);
      const layer = graphs.full.layers.find((candidate) => candidate.id === decision.id)!;
      if (decision.storage === 'float32') {
        floats[layer.weight.name] = await file.add(layer.weight);
        continue;
      }
      const purpose = decision.compute === 'integer' ? 'compute' : 'storage';
      const shared = purpose === 'storage' && packedOfOthers(graphs.full.layers, records, layer);
      if (shared) {
        records[decision.id] = { purpose, packed: shared };
        continue;
      }
      const before = await known?.(decision);
      const packed = before
        ? { ...before, integers: { ...before.integers, data: await file.add(before.integers) } }
        : await packWeight(layer, {
            bits: bitsOf(decision, bits),
            purpose,
            sink: (weight) => file.add(weight),
            signal: context.signal,
          });
      records[decision.id] = { purpose, packed };
    }
    context.onProgress?.(decisions.length, decisions.length);
    await file.commit();
    return { records, floats };
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** The integers of another layer with the same weight, which stand for it where a product only stores its own. */
function packedOfOthers(
  layers: readonly Layer[],
  records: Readonly<Record<string, PackedRecord>>,
  { id, kind, weight }: Layer,
): PackedWeight | undefined {
  const other = layers.find((candidate) => candidate.weight.name === weight.name && records[candidate.id]);
  const { purpose, packed } = (other && records[other.id]) ?? {};
  if (kind !== 'linear' || packed?.integers.dtype !== 'int8') return undefined;
  const named = { ...packed, integers: { ...packed.integers, name: `${id}/int8` } };
  return purpose === 'compute' ? { ...named, layout: 'compute' } : named;
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

/** Products of a few vectors compute in float, so that the limits of integer kernels are not theirs. */
function bitsOf({ compute, storage }: LayerDecision, bits: WeightBits): WeightBits {
  if (storage === 'int4') return 4;
  return compute === 'integer' ? bits : 8;
}
