import {
  type FeatureMoments,
  type ForecastTables,
  fitCacheCorrection,
  forecastResiduals,
  pureForecast,
} from '@cachequant/correction';
import type { CacheCorrectionKind } from './kinds.js';
import { mergedMoments } from './schedules.js';

/** Pulls towards plain extrapolation that are tried; relative to the variance of the cached tensor. */
const SHRINKAGES = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1] as const;

type Halves = readonly [FeatureMoments, FeatureMoments];

/**
 * The coefficients of a schedule's cached calls.
 * @param moments of the float model's cached tensor, and of what a cached call is really given
 */
export function fitCache(
  kind: CacheCorrectionKind,
  refreshSteps: readonly number[],
  { features, anchors }: { readonly features: Halves; readonly anchors: Halves },
): ForecastTables {
  // The paper fits on the float model's own features, the forecast on what a cached call is really given.
  if (kind === 'paper') {
    return fitCacheCorrection(mergedMoments(features), { refreshSteps, anchors: 1, shrinkage: 0 });
  }
  const merged = mergedMoments(anchors);
  if (kind === 'none') {
    return pureForecast({ calls: merged.calls, channels: merged.channels, refreshSteps, prior: 'reuse' });
  }
  const shrinkage = chooseShrinkage(refreshSteps, anchors);
  return fitCacheCorrection(merged, { refreshSteps, anchors: 2, prior: 'extrapolation', shrinkage });
}

/** The pull whose fit on one half of the images leaves the least on the other half, both ways. */
export function chooseShrinkage(refreshSteps: readonly number[], [even, odd]: Halves): number {
  if (even.trajectories === 0 || odd.trajectories === 0) return 0.1;
  let best = 0.1;
  let bestResidual = Number.POSITIVE_INFINITY;
  for (const shrinkage of SHRINKAGES) {
    const options = { refreshSteps, anchors: 2, prior: 'extrapolation', shrinkage } as const;
    const residual =
      total(forecastResiduals(fitCacheCorrection(even, options), odd)) +
      total(forecastResiduals(fitCacheCorrection(odd, options), even));
    if (residual < bestResidual) {
      bestResidual = residual;
      best = shrinkage;
    }
  }
  return best;
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
