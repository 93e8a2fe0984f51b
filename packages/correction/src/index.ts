export {
  type AffineCorrection,
  type AffineFit,
  type AffineOptions,
  fitAffine,
  fitAffineCorrection,
  keepAffineWhereBetter,
} from './affine-correction.js';
export { AffineMoments, type AffineSnapshot, type AffineSums } from './affine-moments.js';
export { type CacheCorrection, type CacheCorrectionOptions, fitCacheCorrection } from './cache-correction.js';
export { type ChannelLayout, channelLayout } from './channel-layout.js';
export { FeatureMoments, type FeatureMomentsOptions, type MomentsSnapshot } from './feature-moments.js';
export type { FitOptions } from './fit-channel.js';
export { type CacheCoefficients, type FoldOptions, foldCacheCorrection } from './fold-cache-correction.js';
export type { Anchors, ForecastPrior } from './forecast-prior.js';
export { forecastResiduals } from './forecast-residuals.js';
export { type ForecastTables, pureForecast } from './forecast-tables.js';
export { type CheckedCorrection, keepWhereBetter } from './keep-where-better.js';
export type { MomentShape, MomentSums, StoredSums } from './moment-sums.js';
export {
  type CacheCorrectionColumn,
  cacheCorrectionColumns,
  replaceCacheCorrection,
} from './replace-cache-correction.js';
export {
  type ForecastResidualTable,
  forecastResidual,
  forecastResidualTable,
  forecastResidualTableInPieces,
  residualDistances,
} from './residual-tables.js';
