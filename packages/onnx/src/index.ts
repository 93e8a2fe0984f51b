export { type ByteSource, bytesSource, openSource } from '@cachequant/tensor';
export { CALL_INDEX_INPUT, CallTableBuilder, TABLE_PREFIX } from './call-tables.js';
export { cloneGraph, cloneModel, cloneNode } from './clone-model.js';
export { computeInFloat32 } from './compute-in-float32.js';
export { constantOf } from './constant-of.js';
export { countMultiplyAdds, type MultiplyAdds, type NodeMultiplyAdds } from './count-multiply-adds.js';
export { applyCut, type SplitModel } from './cuts/apply-cut.js';
export type { CutCandidate, JointDeltaCut, ResidualDeltaCut, UpConcatCut } from './cuts/candidate.js';
export { type FindCutsOptions, findCuts, findCutsInPieces } from './cuts/find-cuts.js';
export { removeDeadNodes } from './dead-nodes.js';
export { dtypeOf, elementTypeOf } from './element-types.js';
export { encodeModel } from './encode-model.js';
export { type ExtractOptions, extractSubgraph } from './extract-subgraph.js';
export { freezeShapes } from './freeze-shapes.js';
export { freshName, freshNodeName } from './fresh-name.js';
export { fuseAttention } from './fusions/fuse-attention.js';
export { unfuseAttention } from './fusions/unfuse-attention.js';
export { GraphIndex } from './graph-index.js';
export { type InferShapesOptions, inferShapes } from './infer-shapes.js';
export { insertNodes } from './insert-nodes.js';
export { leanModel } from './lean-model.js';
export { liftOpset } from './lift-opset.js';
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
export { setOpset } from './opset.js';
export { type ParseOptions, parseModel } from './parse-model.js';
export { externalLocations, type ReadOptions, readModel, readModelFrom } from './read-model.js';
export { readWeight, readWeightBytes, weightOf } from './read-weight.js';
export { type ReplaceOptions, replaceUses } from './replace-uses.js';
export { byteLengthOfData, shapeConstants } from './shape-constants.js';
export type { Element, TensorFacts } from './shapes/facts.js';
export { toHalfPrecision } from './to-half-precision.js';
export { topologicalSort } from './topological-sort.js';
export { describeUnknownOperators } from './unknown-operators.js';
export { createWeightFile, type ExternalData, WeightFile, type WeightFileOptions } from './weight-file.js';
export { widenWeights } from './widen-weights.js';
export { type WriteOptions, writeModel } from './write-model.js';
