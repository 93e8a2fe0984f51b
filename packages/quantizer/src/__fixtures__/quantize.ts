import { inferShapes, type OnnxModel } from '@cachequant/onnx';
import { MersenneTwister, type Runtime, type Tensor } from '@cachequant/tensor';
import { type ActivationGridTable, ActivationStatistics } from '../activation-statistics.js';
import { detachBiases } from '../detach-biases.js';
import { activationSites, constantZeroPointSites, toIntegerGraph } from '../integer-graph.js';
import type { IntegerGraphPlan, OutputCorrection } from '../integer-graph-plan.js';
import { findLayers, type Layer } from '../layers.js';
import { addObservers, OBSERVATIONS_OUTPUT } from '../observe.js';
import { type PackedWeight, packWeight } from '../packed-weight.js';
import { shareZeroPoints } from '../shared-zero-point.js';
import type { IntegerTarget } from '../targets/integer-target.js';
import type { WeightBits } from '../weight-quantization.js';
import { run } from './models.js';

export type Feeds = Readonly<Record<string, Tensor>>;

/** Shapes of a model at the sizes of some feeds. */
export function shapesFor(model: OnnxModel, feeds: Feeds): IntegerGraphPlan['shapes'] {
  const names = model.graph.inputs.map(({ name }) => name);
  return inferShapes(model, {
    inputDims: Object.fromEntries(names.map((name) => [name, feeds[name]!.dims])),
  });
}

/** Grids of all sites of some layers, from one run for each call. */
export async function observeGrids(
  runtime: Runtime,
  model: OnnxModel,
  layers: readonly Layer[],
  feedsByCall: readonly Feeds[],
  target?: IntegerTarget,
): Promise<ActivationGridTable> {
  const sites = activationSites(layers, target);
  const generator = new MersenneTwister(3);
  const observed = addObservers(model, sites, {
    samplesPerCall: 1024,
    random: () => generator.nextUint32() / 2 ** 32,
    shapes: shapesFor(model, feedsByCall[0]!),
  });
  const statistics = new ActivationStatistics(feedsByCall.length, sites, 1024);
  for (const [call, feeds] of feedsByCall.entries()) {
    statistics.record(call, (await run(runtime, observed, feeds))[OBSERVATIONS_OUTPUT]!.data);
  }
  return shareZeroPoints(statistics.grids(), constantZeroPointSites(layers, target));
}

export async function pack(
  layers: readonly Layer[],
  { bits = 7, purpose = 'compute' }: { bits?: WeightBits; purpose?: 'compute' | 'storage' } = {},
): Promise<Map<string, PackedWeight>> {
  const packed = new Map<string, PackedWeight>();
  for (const layer of layers) {
    packed.set(layer.id, await packWeight(layer, { bits, purpose, sink: async ({ data }) => data }));
  }
  return packed;
}

export interface Quantized {
  readonly model: OnnxModel;
  readonly layers: readonly Layer[];
  readonly grids: ActivationGridTable;
  readonly packed: ReadonlyMap<string, PackedWeight>;
}

/** Observes a model, one run for each call, detaches its biases, and turns all of its layers, or those chosen, into 7-bit integers. */
export async function quantize(
  runtime: Runtime,
  model: OnnxModel,
  feedsByCall: readonly Feeds[],
  {
    corrections = new Map<string, OutputCorrection>(),
    choose = () => true,
    target,
  }: {
    corrections?: ReadonlyMap<string, OutputCorrection>;
    choose?: (layer: Layer) => boolean;
    target?: IntegerTarget;
  } = {},
): Promise<Quantized> {
  const detached = detachBiases(model, shapesFor(model, feedsByCall[0]!));
  const layers = findLayers(detached.graph).filter(choose);
  const grids = await observeGrids(runtime, detached, layers, feedsByCall, target);
  const packed = await pack(layers);
  const shapes = shapesFor(detached, feedsByCall[0]!);
  const integer = toIntegerGraph(
    detached,
    { compute: packed, store: new Map(), grids, corrections, shapes },
    target,
  );
  return { model: integer, layers, grids, packed };
}
