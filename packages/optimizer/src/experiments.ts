// The stages of an optimization one by one, for comparisons. They may change in any version.

export {
  type CalibratedModel,
  type CalibrationOptions,
  calibrateModel,
  FLOAT_CACHED,
  FLOAT_FULL,
  INTEGER_FULL,
} from './calibrated-model.js';
export type { CalibrationContext, PreparedImage } from './calibration-context.js';
export {
  buildCandidate,
  buildSearchedCandidate,
  buildWithoutCache,
  type Candidate,
  planSchedule,
  withGuidanceForecast,
} from './candidates/candidate.js';
export { type Choice, chooseVariant, type QuantizationCorrection } from './candidates/choose-variant.js';
export { type CorrectedOutputs, correctOutputs } from './candidates/correct-outputs.js';
export { atInterval, inFloat, named } from './candidates/model-variants.js';
export { type SmoothedPredictions, smoothPredictions } from './candidates/smooth-predictions.js';
export { loadVariant, samplerOf, type Variant } from './candidates/variant.js';
export { replay } from './observe/trajectory.js';
export { type OptimizationWithModel, optimizeIn } from './optimize.js';
export {
  type CalibrationContextOptions,
  type OpenCalibrationContext,
  openCalibrationContext,
} from './prepare/open-calibration-context.js';
export { measureSearchLimits, type SearchLimits } from './search/search-limits.js';
export { chosenCalls, type PlanSearchOptions, type SearchedPlan, searchPlan } from './search/search-plan.js';
export { compareWith, type MeasuredImage, measureImage, type Quality } from './verify/measure-image.js';
