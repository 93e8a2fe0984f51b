import type { ForecastTables } from '@cachequant/correction';
import { foldCacheCorrection } from '@cachequant/correction';
import type { OnnxModel } from '@cachequant/onnx';
import {
  type ActivationGridTable,
  activationSites,
  addObservers,
  type OutputCorrection,
  toIntegerGraph,
} from '@cachequant/quantizer';
import { MersenneTwister } from '@cachequant/tensor';
import { CACHE_NAME, PREVIOUS_CACHE_NAME } from '../calibration-context.js';
import type { PackedWeights } from '../layers/packed-weights.js';
import type { AnalyzedGraph } from './denoiser-graphs.js';

/** Elements of each activation that are kept for each call, over all calibration images. */
export const SAMPLES_KEPT = 2048;
const LEAST_SAMPLES_PER_IMAGE = 64;

/** The cached graph with the correction as tables at its input. */
export function foldCorrection(cached: OnnxModel, tables: ForecastTables): OnnxModel {
  const input = cached.graph.inputs.find(({ name }) => name === CACHE_NAME);
  return foldCacheCorrection(cached, tables, {
    cacheInput: CACHE_NAME,
    previousInput: PREVIOUS_CACHE_NAME,
    channelAxis: input?.dims?.length === 4 ? 1 : (input?.dims?.length ?? 1) - 1,
  });
}

/** Tensors to observe for a graph whose planned layers become integers. */
export function sitesOf(graph: AnalyzedGraph, packed: PackedWeights | ReadonlySet<string>): string[] {
  const has = packed instanceof Set ? packed : (packed as PackedWeights).compute;
  return activationSites(
    graph.layers.filter((layer) => has.has(layer.id)),
    graph.target,
  );
}

/** A float graph that also reports the activations at the sites. */
export function withObservers(
  model: OnnxModel,
  sites: readonly string[],
  graph: AnalyzedGraph,
  images: number,
): OnnxModel {
  const generator = new MersenneTwister(1);
  return addObservers(model, sites, {
    samplesPerCall: Math.max(LEAST_SAMPLES_PER_IMAGE, Math.ceil(SAMPLES_KEPT / images)),
    random: () => generator.nextUint32() / 2 ** 32,
    shapes: graph.shapes,
  });
}

export interface IntegerGraphRequest {
  readonly packed: PackedWeights;
  readonly grids: ActivationGridTable;
  readonly corrections?: ReadonlyMap<string, OutputCorrection>;
}

/** The integer form of a float graph, which may have a cache correction folded in already. */
export function integerForm(
  model: OnnxModel,
  graph: AnalyzedGraph,
  { packed, grids, corrections = new Map() }: IntegerGraphRequest,
): OnnxModel {
  return toIntegerGraph(model, { ...packed, grids, corrections, shapes: graph.shapes }, graph.target);
}
