import { existsSync } from 'node:fs';
import path from 'node:path';
import { RESULTS } from '../paths.js';
import { readResults } from '../read-results.js';
import type { AblationModel } from './models/ablation-model.js';
import type { AblationResults, AblationRow } from './results.js';

type CallTimes = NonNullable<AblationResults['sd15']>;

/** Calls of 50 PLMS steps. */
const ORIGINAL_CALLS = 51;

/** Times of one call from `npm run bench`; null before it was run, and for a model that makes no use of them. */
export async function readSd15({ comparesSd15 }: AblationModel): Promise<AblationResults['sd15']> {
  if (!comparesSd15) return null;
  if (!existsSync(path.join(RESULTS, 'sd15-unet.json'))) return null;
  const { calls } = await readResults('sd15-unet');
  const [float, full, cached] = ['float', 'full', 'cached'].map((name) => calls[name]?.medianMs);
  return float && full && cached ? { float, full, cached } : null;
}

/**
 * Time of all of a row's calls over that of the original's, were its denoiser of SD-1.5's size. A cached call in
 * float, which was not measured there, counts in the proportion of the integer ones; a call that computes the conditional
 * half alone counts half.
 */
export function sd15Cost(
  { bits, calls, refreshCalls, conditionalRefreshes = [], cache }: AblationRow,
  times: CallTimes,
): number {
  const full = bits === 'float' ? times.float : times.full;
  const both = (full * times.cached) / times.full;
  const cached = cache?.guidance === 'forecast' ? both / 2 : both;
  const refreshes = refreshCalls?.length ?? calls;
  const wholeRefreshes = refreshes - conditionalRefreshes.length / 2;
  return (wholeRefreshes * full + (calls - refreshes) * cached) / (ORIGINAL_CALLS * times.float);
}
