import { finish, type InPieces, requireInteger } from '@cachequant/tensor';
import { meanSquaredResidual, statisticsReader } from './call-statistics.js';
import type { FeatureMoments } from './feature-moments.js';
import { type FitOptions, fitChannel, type ResolvedFitOptions, resolveFitOptions } from './fit-channel.js';
import { type Anchors, priorCoefficients } from './forecast-prior.js';

/**
 * Mean squared residual that each call would have under every pair of anchors.
 *
 * `residual` is [calls, window, window + 1], row-major: entry (t, t − s, s − p) belongs to call t with anchors s
 * and p, and s − p = 0 to s alone. ∞ where there are no such calls, or the moments do not reach back to p.
 */
export interface ForecastResidualTable {
  readonly calls: number;
  /** The longest group of calls that can be planned from this table. */
  readonly window: number;
  readonly residual: Float64Array;
}

/**
 * Mean squared residual, over all channels and samples, of call `call` when it is forecast from `current` and
 * `previous` with coefficients fitted under the given options; from moments alone.
 *
 * For a forecast without fit, pass `shrinkage: Infinity, fitOffset: false`. It is 0 for `call === current`.
 * @param anchors.previous −1 for one anchor
 * @throws CacheQuantError `calibration` when the moments do not reach back to an anchor
 */
export function forecastResidual(
  moments: FeatureMoments,
  anchors: Anchors & { call: number },
  options: FitOptions = {},
): number {
  const { call, current, previous } = anchors;
  requireInteger('call', call, 0, moments.calls - 1);
  requireInteger('current', current, 0, call);
  requireInteger('previous', previous, -1, current - 1);
  return fittedResidual(moments, anchors, call, resolveFitOptions(options));
}

/**
 * The residuals of every call under every pair of anchors that groups of at most `window` calls can give: the
 * cost of a schedule of two-anchor forecasts.
 *
 * Complexity: O(calls · window² · channels). With moments whose window is 2 · `window`, every pair is covered.
 */
export function forecastResidualTable(
  moments: FeatureMoments,
  options: FitOptions & { window: number },
): ForecastResidualTable {
  return finish(forecastResidualTableInPieces(moments, options));
}

/** `forecastResidualTable` of many calls, which takes seconds: in pieces of some milliseconds. */
export function* forecastResidualTableInPieces(
  moments: FeatureMoments,
  options: FitOptions & { window: number },
): InPieces<ForecastResidualTable> {
  const { calls } = moments;
  const { window } = options;
  requireInteger('window', window, 1, moments.window);
  const fitOptions = resolveFitOptions(options);
  const residual = new Float64Array(calls * window * (window + 1)).fill(Infinity);
  for (let call = 0; call < calls; call++) {
    for (let reach = 0; reach < window && reach <= call; reach++) {
      const current = call - reach;
      yield;
      const row = (call * window + reach) * (window + 1);
      const furthest = Math.min(window, current, moments.window - 1 - reach);
      for (let back = 0; back <= furthest; back++) {
        const anchors = { current, previous: back === 0 ? -1 : current - back };
        residual[row + back] = fittedResidual(moments, anchors, call, fitOptions);
      }
    }
  }
  return { calls, window, residual };
}

/**
 * Residuals of one-anchor forecasts in the form of a distance table, [calls, window (t − s)]: with it, the
 * scheduler minimises what is left after the correction instead of what is there before it.
 */
export function residualDistances(
  moments: FeatureMoments,
  options: FitOptions & { window?: number } = {},
): { calls: number; window: number; distance: Float64Array } {
  const { calls } = moments;
  const window = options.window ?? moments.window;
  requireInteger('window', window, 1, moments.window);
  const fitOptions = resolveFitOptions(options);
  const distance = new Float64Array(calls * window);
  for (let call = 0; call < calls; call++) {
    for (let reach = 1; reach < window && reach <= call; reach++) {
      const anchors = { current: call - reach, previous: -1 };
      distance[call * window + reach] = fittedResidual(moments, anchors, call, fitOptions);
    }
  }
  return { calls, window, distance };
}

function fittedResidual(
  moments: FeatureMoments,
  anchors: Anchors,
  call: number,
  options: ResolvedFitOptions,
): number {
  if (anchors.current === call) return 0;
  const statistics = statisticsReader(moments, anchors, call);
  const prior = priorCoefficients(options.prior, anchors, call);
  let sum = 0;
  for (let channel = 0; channel < moments.channels; channel++) {
    const s = statistics(channel);
    const { a0, a1, b } = fitChannel(s, prior, anchors.previous >= 0, options);
    sum += meanSquaredResidual(s, a0, a1, b);
  }
  return sum / moments.channels;
}
