// The stages of an optimization one by one, for comparisons. They may change in any version.

export {
  buildCandidate,
  buildWithoutCache,
  type Candidate,
  planSchedule,
  withGuidanceForecast,
} from './candidates/candidate.js';
export { type Choice, chooseVariant, type QuantizationCorrection } from './candidates/choose.js';
export { type CorrectedOutputs, correctOutputs } from './candidates/correct-outputs.js';
export { type SmoothedPredictions, smoothPredictions } from './candidates/smooth-predictions.js';
export { floatStudy, studyAt } from './candidates/study-views.js';
export { loadVariant, type Variant } from './candidates/variant.js';
export type { Laboratory, PreparedImage } from './laboratory.js';
export { replay } from './observe/trajectory.js';
export { optimizeIn, type StudiedOptimization } from './optimize.js';
export { type LaboratoryOptions, type OpenLaboratory, openLaboratory } from './prepare/open-laboratory.js';
export {
  FLOAT_CACHED,
  FLOAT_FULL,
  INTEGER_FULL,
  type Study,
  type StudyOptions,
  studyDenoiser,
} from './study.js';
export { compareWith, type MeasuredImage, measureImage, type Quality } from './verify/measure.js';
