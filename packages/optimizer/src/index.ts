export type { ComponentDecision } from './components/component.js';
export { type DecisionRecord, PLAN, parseDecisionRecord } from './decision-record.js';
export { estimateOptimization, type OptimizationEstimate } from './estimate-optimization.js';
export { estimateStructure, type StructureEstimate } from './estimate-structure.js';
export type { LayerDecision, LayerMeasurement } from './layers/decision.js';
export { type LayerScales, layerScales } from './layers/layer-scales.js';
export { imagesOfShard, type ObservedShard } from './observe/shards.js';
export { type ObserveShardRequest, observeShard } from './observe-shard.js';
export type { MeasuredPoint, OperatingPoints } from './operating-points/explore.js';
export type { OperatingPoint, OperatingTarget } from './operating-points/operating-point.js';
export { type OptimizeRequest, optimize } from './optimize.js';
export type {
  MeasuredCandidate,
  MeasuredCorrection,
  MeasuredLayers,
  OptimizeSummary,
} from './optimize-summary.js';
export { OPTION_GROUPS, type OptionGroup } from './options/option-definition.js';
export { type OptionLine, type OptionValue, optionLines } from './options/option-lines.js';
export type { CalibrationFeed, CalibrationFeeds } from './prepare/calibration-feeds.js';
export type { ControlImages } from './prepare/control-images.js';
export type { GivenConditioning } from './prepare/given-conditioning.js';
export { modelFingerprint } from './prepare/source-watch.js';
export { type OpenRecipe, type OptimizeOptions, parseRecipe, type Recipe } from './recipe.js';
export type { VerifiedPicture } from './verify/verify.js';
export { ownWork, removeWork, requireWorkPlace } from './work/own-work.js';
export type { NamedStage, Shard, Stage } from './work/stage.js';
export type { StageObserver, StageProgress } from './work/stage-runner.js';
export { addToBundle } from './write/bundle-files.js';
export { removeBundle, requireBundlePlace, startBundle } from './write/bundle-place.js';
export type { SourceOrigin } from './write/write-bundle.js';
