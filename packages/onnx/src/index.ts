export { type ByteSource, bytesSource, openSource } from '@cachequant/tensor';
export { constantOf } from './analyze/constant-of.js';
export {
  countMultiplyAdds,
  type MultiplyAdds,
  type NodeMultiplyAdds,
} from './analyze/count-multiply-adds.js';
export { GraphIndex } from './analyze/graph-index.js';
export { type InferShapesOptions, inferShapes } from './analyze/infer-shapes.js';
export { topologicalSort } from './analyze/topological-sort.js';
export { describeUnknownOperators } from './analyze/unknown-operators.js';
export { computeInFloat32 } from './compute-in-float32.js';
export { applyCut, type SplitModel } from './cuts/apply-cut.js';
export type { CutCandidate, JointDeltaCut, ResidualDeltaCut, UpConcatCut } from './cuts/candidate.js';
export { type FindCutsOptions, findCuts, findCutsInPieces } from './cuts/find-cuts.js';
export { CALL_INDEX_INPUT, CallTableBuilder, TABLE_PREFIX } from './edit/call-tables.js';
export { cloneGraph, cloneModel, cloneNode } from './edit/clone-model.js';
export { removeDeadNodes } from './edit/dead-nodes.js';
export { type ExtractOptions, extractSubgraph } from './edit/extract-subgraph.js';
export { freezeShapes } from './edit/freeze-shapes.js';
export { freshName, freshNodeName } from './edit/fresh-name.js';
export { giveNormStatistics, NORM_STATISTICS } from './edit/give-norm-statistics.js';
export { insertNodes } from './edit/insert-nodes.js';
export { type JoinOptions, joinModels } from './edit/join-models.js';
export { liftOpset } from './edit/lift-opset.js';
export { setOpset } from './edit/opset.js';
export { type ReplaceOptions, replaceUses } from './edit/replace-uses.js';
export { byteLengthOfData, shapeConstants } from './edit/shape-constants.js';
export { toHalfPrecision } from './edit/to-half-precision.js';
export { widenWeights } from './edit/widen-weights.js';
export { dtypeOf, elementTypeOf } from './element-types.js';
export { fuseAttention } from './fusions/fuse-attention.js';
export { findSpatialAttentions, type SpatialAttention, subsampleKeys } from './fusions/subsample-keys.js';
export { unfuseAttention } from './fusions/unfuse-attention.js';
export { DEFAULT_LIMITS, type Limits } from './limits.js';
export type {
  AttributeValue,
  Dim,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  ValueInfo,
  Weight,
  WeightData,
} from './model.js';
export {
  type AttributeInput,
  float,
  floats,
  getFloat,
  getInt,
  getInts,
  getString,
  makeNode,
  type NodeOptions,
} from './node.js';
export { leanModel } from './read/lean-model.js';
export { type ParseOptions, parseModel } from './read/parse-model.js';
export { externalLocations, type ReadOptions, readModel, readModelFrom } from './read/read-model.js';
export { readWeight, readWeightBytes, weightOf } from './read/read-weight.js';
export type { Element, TensorFacts } from './shapes/facts.js';
export { encodeModel } from './write/encode-model.js';
export {
  createWeightFile,
  type ExternalData,
  WeightFile,
  type WeightFileOptions,
} from './write/weight-file.js';
export { type WriteOptions, writeModel } from './write/write-model.js';
