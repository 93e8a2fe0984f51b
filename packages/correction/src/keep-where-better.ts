import { CacheQuantError } from '@cachequant/tensor';
import { requireSame } from './arguments.js';
import { type CacheCorrection, residualsBeside } from './cache-correction.js';
import { meanSquaredResidual, statisticsReader } from './call-statistics.js';
import type { FeatureMoments } from './feature-moments.js';
import { usedAnchors } from './forecast-residuals.js';
import { type ForecastTables, forEachCachedCall } from './forecast-tables.js';

/** A correction that was checked on moments it was not fitted on; its residuals are those of the check. */
export interface CheckedCorrection extends CacheCorrection {
  /** Share of the cached (call, channel) pairs that keep the fit, in [0, 1]; 1 when no call is cached. */
  readonly keptShare: number;
}

/**
 * Keeps the fit of a (call, channel) only where its mean squared residual on held-out moments is lower than
 * that of the prior, and takes the prior elsewhere.
 *
 * @param heldOut moments of trajectories that the fit has not seen
 * @throws CacheQuantError `shape` or `invalid-argument` when the tables differ in size or schedule
 */
export function keepWhereBetter(
  fit: ForecastTables,
  prior: ForecastTables,
  heldOut: FeatureMoments,
): CheckedCorrection {
  requireSame('calls of the prior', fit.calls, prior.calls);
  requireSame('channels of the prior', fit.channels, prior.channels);
  requireSameSchedule(fit.refreshCalls, prior.refreshCalls);
  const { calls, channels, refreshCalls } = fit;
  const tables = { calls, channels, refreshCalls, a0: fit.a0.slice(), a1: fit.a1.slice(), b: fit.b.slice() };
  const priorAnchors = usedAnchors(prior);
  const anchors = usedAnchors(fit).map((pair, call) => (pair.previous < 0 ? priorAnchors[call]! : pair));
  let kept = 0;
  forEachCachedCall(anchors, (call, pair) => {
    const statistics = statisticsReader(heldOut, pair, call);
    for (let channel = 0; channel < channels; channel++) {
      const at = call * channels + channel;
      const s = statistics(channel);
      const ofFit = meanSquaredResidual(s, fit.a0[at]!, fit.a1[at]!, fit.b[at]!);
      if (ofFit < meanSquaredResidual(s, prior.a0[at]!, prior.a1[at]!, prior.b[at]!)) kept++;
      else for (const name of ['a0', 'a1', 'b'] as const) tables[name][at] = prior[name][at]!;
    }
  });
  const pairs = (calls - refreshCalls.length) * channels;
  return { ...tables, ...residualsBeside(tables, prior, heldOut), keptShare: pairs === 0 ? 1 : kept / pairs };
}

function requireSameSchedule(expected: readonly number[], got: readonly number[]): void {
  if (expected.length === got.length && expected.every((step, at) => step === got[at])) return;
  throw new CacheQuantError('invalid-argument', 'fit and prior have different schedules', {
    where: 'refreshCalls of the prior',
    expected: `[${expected.join(', ')}]`,
    got: `[${got.join(', ')}]`,
  });
}
