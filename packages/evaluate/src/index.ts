export {
  type EvaluatedImage,
  Evaluation,
  type EvaluationSnapshot,
  type EvaluationSummary,
  type ImageMeasures,
} from './evaluation.js';
export { type FeatureDistribution, type FeatureSnapshot, FeatureStatistics } from './feature-statistics.js';
export { frechetDistance } from './frechet-distance.js';
export { labelOf } from './label-of.js';
export { type ErrorSnapshot, MeanErrors } from './mean-errors.js';
export { type MeanInterval, MeanIntervals, type MeanSnapshot } from './mean-intervals.js';
export { type PictureScorer, type PictureScores, pictureScorer } from './picture-scorer.js';
export { psnr } from './psnr.js';
export { relativeErrors } from './relative-errors.js';
export { checkSameSize, type RgbImage } from './rgb-image.js';
export { readScorerReference, type ScorerReference } from './scorer-reference.js';
export { type Speed, speedOf } from './speed.js';
export { ssim } from './ssim.js';
export { bootstrap95, interval95, meanOf, medianOf } from './statistics.js';
