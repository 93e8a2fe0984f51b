import type { OptimizeOptions } from '@cachequant/optimizer';

/**
 * What reaches every stage with the fewest calls: for memory, and for graphs that are timed. All layers become integers, so
 * that two bundles differ by their graphs and not by what was measured while they were made.
 */
export const QUICK_OPTIONS: OptimizeOptions = {
  sampler: 'ddim',
  steps: 4,
  interval: 2,
  schedule: 'uniform',
  cacheCorrection: 'none',
  layers: 'all',
  floatGraphs: 'never',
  calibrationImages: 1,
  verificationImages: 1,
  offCalibrationImages: 0,
};
