import type { OnnxModel } from '@cachequant/onnx';
import type { InPieces } from '@cachequant/tensor';
import { type DenoiserGraphs, type GraphSizes, makeDenoiserGraphs } from './graphs/denoiser-graphs.js';
import { planLayers } from './layers/layer-plan.js';
import { weightBytes } from './weight-bytes.js';

/** What an optimization finds in a denoiser's graph alone, before anything runs. */
export interface StructureEstimate {
  readonly cut: { readonly id: string; readonly cachedShare: number };
  /** Of one call at the batch of the calibration: of the whole network, and of what a cached call runs. */
  readonly multiplyAdds: { readonly full: number; readonly cached: number };
  /** Layers that can be integers, out of all that have weights, and their share of the full call's multiply-adds. */
  readonly plannedIntegers: { readonly layers: number; readonly of: number; readonly share: number };
  /** In float32. */
  readonly weightBytes: number;
  readonly diskBytes: number;
  readonly peakMemoryBytes: number;
}

/** Peak memory against the weights, and beside them; measured on U-Nets. */
const MEMORY_OF_WEIGHTS = 2.6;
const MEMORY_BESIDE = 400e6;
/** Intermediate results on disk against the weights, where layers are measured and where not. */
const DISK_MEASURED = 1.9;
const DISK = 1.6;

/**
 * Estimates of a graph whose weights need not be there, such as those that `buildGraph` builds of a configuration.
 * @param sizes of its inputs
 * @param cutId left out: the first of the ranked candidates
 */
export function* estimateStructure(
  model: OnnxModel,
  sizes: GraphSizes,
  cutId?: string,
): InPieces<StructureEstimate> {
  return structureOf(yield* makeDenoiserGraphs(model, sizes, cutId), model);
}

/** The same of graphs that are cut already. */
export function structureOf(
  { cut, full, cached }: DenoiserGraphs,
  model: OnnxModel,
  { keepFloat = [], measures = true }: { keepFloat?: readonly string[]; measures?: boolean } = {},
): StructureEstimate {
  const layers = planLayers({ full }, keepFloat);
  const integers = layers.filter(({ compute }) => compute === 'integer');
  const weights = weightBytes(model);
  return {
    cut: { id: cut.id, cachedShare: cut.cachedShare },
    multiplyAdds: { full: full.totalMacs, cached: cached.totalMacs },
    plannedIntegers: {
      layers: integers.length,
      of: layers.length,
      share: integers.reduce((sum, { macs }) => sum + macs, 0) / full.totalMacs,
    },
    weightBytes: weights,
    diskBytes: Math.round(weights * (measures ? DISK_MEASURED : DISK)),
    peakMemoryBytes: Math.round(weights * MEMORY_OF_WEIGHTS + MEMORY_BESIDE),
  };
}
