export { type ActivationGrid, chooseActivationGrid } from './activation-range.js';
export { type ActivationGridTable, ActivationStatistics } from './activation-statistics.js';
export { detachBiases } from './detach-biases.js';
export { type ExcludeReason, excludeReason } from './exclude-reason.js';
export { toFloatGraph } from './float-graph.js';
export { type LayerPatches, layerPatches } from './gptq/layer-patches.js';
export { type MomentSite, momentsGraph, momentsOutput } from './gptq/moments-graph.js';
export {
  addProducts,
  emptySecondMoments,
  type InputBlock,
  inputBlocks,
  type SecondMoments,
  secondMomentBytes,
} from './gptq/second-moments.js';
export { activationSites, toIntegerGraph } from './integer-graph.js';
export type { IntegerGraphPlan, OutputCorrection } from './integer-graph-plan.js';
export { integerKernels } from './integer-kernels.js';
export { integerWeight } from './integer-weight.js';
export { findLayers, type Layer, type LayerKind } from './layers.js';
export { addObservers, OBSERVATIONS_OUTPUT, type ObserverOptions } from './observe.js';
export {
  type PackedWeight,
  type PackOptions,
  packWeight,
  type Rounding,
  type WeightSink,
} from './packed-weight.js';
export { GridRows } from './scales-per-call.js';
export { shareZeroPoints } from './shared-zero-point.js';
export { splitFirstToken } from './split-first-token.js';
export { storeEmbeddings } from './stored-embedding.js';
export type { IntegerTarget, KernelScales } from './targets/integer-target.js';
export { onnxRuntimeTarget } from './targets/onnxruntime/onnxruntime-target.js';
export { qdqTarget } from './targets/qdq/qdq-target.js';
export {
  type QuantizedWeight,
  quantizeWeight,
  quantizeWeightInPieces,
  WEIGHT_LIMITS,
  type WeightBits,
} from './weight-quantization.js';
