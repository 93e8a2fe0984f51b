export { type ActivationGrid, chooseActivationGrid } from './activation-range.js';
export { type ActivationGridTable, ActivationStatistics } from './activation-statistics.js';
export { detachBiases } from './detach-biases.js';
export { type FloatReason, floatReason } from './float-reason.js';
export {
  activationSites,
  convolutionInputs,
  type IntegerGraphPlan,
  type OutputCorrection,
  toIntegerGraph,
} from './integer-graph.js';
export { findLayers, type Layer, type LayerKind } from './layers.js';
export { addObservers, OBSERVATIONS_OUTPUT, type ObserverOptions } from './observe.js';
export { type PackedWeight, packWeight, type WeightSink } from './packed-weight.js';
export { shareZeroPoints } from './shared-zero-point.js';
export { storeEmbeddings } from './stored-embedding.js';
export {
  type QuantizedWeight,
  quantizeWeight,
  WEIGHT_LIMITS,
  type WeightBits,
} from './weight-quantization.js';
