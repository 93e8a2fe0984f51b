import {
  type FeatureMoments,
  type ForecastTables,
  fitCacheCorrection,
  forecastResiduals,
  pureForecast,
} from '@cachequant/correction';
import type { InPieces, TwoFold } from '@cachequant/tensor';
import type { CacheCorrectionKind } from './kinds.js';
import { mergedMoments } from './schedules.js';

/** Pulls towards plain extrapolation that are tried; relative to the variance of the cached tensor. */
const SHRINKAGES = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1] as const;

/** What cached calls are fitted on. */
export interface CacheFitData {
  /** Of the float model's cached tensor. */
  readonly features: FeatureMoments;
  /** Of what a cached call is really given. */
  readonly anchors: FeatureMoments;
  /** Of the forecast's coefficients, as `chooseShrinkage` finds it. */
  readonly shrinkage: number;
}

/**
 * The coefficients of a schedule's cached calls: plain reuse, the paper's correction, or the forecast.
 *
 * Source: CacheQuant, CVPR 2025, https://arxiv.org/abs/2503.01323, decoupled error correction. The error of caching
 * is O_g - O_c there, both of the float model, so `paper` is fitted on the float model's features; the forecast, which
 * is ours, on what the quantized model caches.
 */
export function fitCache(
  kind: CacheCorrectionKind,
  refreshCalls: readonly number[],
  { features, anchors, shrinkage }: CacheFitData,
): ForecastTables {
  switch (kind) {
    case 'none':
      return pureForecast({ calls: anchors.calls, channels: anchors.channels, refreshCalls, prior: 'reuse' });
    case 'paper':
      return fitCacheCorrection(features, { refreshCalls, anchors: 1, shrinkage: 0 });
    case 'forecast':
      return fitCacheCorrection(anchors, { refreshCalls, anchors: 2, prior: 'extrapolation', shrinkage });
  }
}

/** `fitCache` on the images of a calibration, whose halves choose the shrinkage. */
export function* fitCacheOn(
  kind: CacheCorrectionKind,
  refreshCalls: readonly number[],
  {
    features,
    anchors,
  }: { readonly features: TwoFold<FeatureMoments>; readonly anchors: TwoFold<FeatureMoments> },
): InPieces<ForecastTables> {
  return fitCache(kind, refreshCalls, {
    features: mergedMoments(features),
    anchors: mergedMoments(anchors),
    shrinkage: kind === 'forecast' ? yield* chooseShrinkage(refreshCalls, anchors) : 0,
  });
}

/** The pull whose fit on one half of the images leaves the least on the other half, both ways. */
export function* chooseShrinkage(
  refreshCalls: readonly number[],
  [even, odd]: TwoFold<FeatureMoments>,
): InPieces<number> {
  if (even.trajectories === 0 || odd.trajectories === 0) return 0.1;
  let best = 0.1;
  let bestResidual = Number.POSITIVE_INFINITY;
  for (const shrinkage of SHRINKAGES) {
    const options = { refreshCalls, anchors: 2, prior: 'extrapolation', shrinkage } as const;
    const residual =
      total(forecastResiduals(fitCacheCorrection(even, options), odd)) +
      total(forecastResiduals(fitCacheCorrection(odd, options), even));
    yield;
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
