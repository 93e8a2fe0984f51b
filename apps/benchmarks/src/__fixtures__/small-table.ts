import { type AblationResults, type AblationRow, ablationSchema } from '../ablation/results.js';

/** 50 PLMS steps in float, without a cache. */
export const PLMS_50 = {
  sampler: 'plms',
  steps: 50,
  interval: 1,
  bits: 'float',
  cache: null,
  refreshCalls: null,
  calls: 51,
} as const;

/** A row of 50 PLMS steps in float that nothing was measured of, but for what is given. */
export function tableRow(given: Partial<AblationRow> & Pick<AblationRow, 'id' | 'curve'>): AblationRow {
  return {
    ...PLMS_50,
    denoiserBytes: null,
    timeRatio: null,
    timeRounds: 0,
    psnr: null,
    psnrInterval: null,
    squaredError: null,
    ssim: null,
    psnrConverged: null,
    psnrConvergedInterval: null,
    frechet: null,
    kindAccuracy: null,
    colorAccuracy: null,
    seeds: 16,
    frechetSeeds: 0,
    ...given,
  };
}

/** A table of models/fashion-sd with such rows. */
export function tableOf(
  rows: readonly AblationRow[],
  given: Partial<Pick<AblationResults, 'model' | 'budgets' | 'differences'>> = {},
): AblationResults {
  return ablationSchema.parse({
    model: 'models/fashion-sd',
    guidanceScale: 4,
    calibrationImages: 8,
    firstSeed: 3_000_000,
    heldOutPrompts: 37,
    measuredAt: '2026-11-27T12:00:00.000Z',
    machine: { processor: 'a processor', cores: 2, threads: 1, int8FullRange: true },
    versions: {},
    sd15: null,
    rows,
    differences: [],
    budgets: [],
    factors: [],
    ...given,
  });
}
