import { requireInteger } from '@cachequant/tensor';
import { statisticsReader } from './call-statistics.js';
import type { FeatureMoments } from './feature-moments.js';
import { type FitOptions, fitChannel, resolveFitOptions } from './fit-channel.js';
import { anchorsOfCalls, priorCoefficients } from './forecast-prior.js';
import { forecastResiduals } from './forecast-residuals.js';
import { type ForecastTables, forEachCachedCall, identityTables, pureForecast } from './forecast-tables.js';

/** A fit, and its mean squared residuals per call, over all channels and samples, in squared feature units. */
export interface CacheCorrection extends ForecastTables {
  /** Of the fit. */
  readonly residual: Float64Array;
  /** Of the prior alone, without offset. */
  readonly residualPrior: Float64Array;
  /** Of plain reuse, x̂_t = x_s. */
  readonly residualUncorrected: Float64Array;
}

/** What {@link fitCacheCorrection} fits: the calls that refresh, and how many anchors a cached call reads. */
export interface CacheCorrectionOptions extends FitOptions {
  refreshCalls: readonly number[];
  /** 1 forecasts from the last refresh (the paper's form), 2 from the last two. */
  anchors: 1 | 2;
}

/**
 * Fits the cache correction of every cached call and channel from moments alone.
 *
 * With one anchor and no shrinkage this is the decoupled error correction of CacheQuant, a = Cov(x_s, x_t) /
 * Var(x_s), b = mean difference (Liu et al. 2025, https://arxiv.org/abs/2503.01323), with covariance and
 * variance both over n. Differs: optional second anchor and shrinkage; channels that do not vary keep the prior
 * and get only the mean difference. Before the second refresh there is one anchor and reuse is the prior.
 * @throws CacheQuantError `calibration` when the moments do not reach back to an anchor,
 * `invalid-argument` for a malformed schedule or option
 */
export function fitCacheCorrection(
  moments: FeatureMoments,
  options: CacheCorrectionOptions,
): CacheCorrection {
  requireInteger('anchors', options.anchors, 1, 2);
  const fitOptions = resolveFitOptions(options);
  const anchors = anchorsOfCalls(moments.calls, options.refreshCalls, options.anchors);
  const tables = identityTables(moments.calls, moments.channels, options.refreshCalls);
  const prior = pureForecast({
    calls: moments.calls,
    channels: moments.channels,
    refreshCalls: options.refreshCalls,
    prior: options.anchors === 1 ? 'reuse' : fitOptions.prior,
  });
  forEachCachedCall(anchors, (call, pair) => {
    const statistics = statisticsReader(moments, pair, call);
    const priorA = priorCoefficients(fitOptions.prior, pair, call);
    for (let channel = 0; channel < moments.channels; channel++) {
      const fit = fitChannel(statistics(channel), priorA, pair.previous >= 0, fitOptions);
      const at = call * moments.channels + channel;
      tables.a0[at] = fit.a0;
      tables.a1[at] = fit.a1;
      tables.b[at] = fit.b;
    }
  });
  return { ...tables, ...residualsBeside(tables, prior, moments) };
}

/** Residuals of tables, of their prior and of plain reuse on the same moments. */
export function residualsBeside(
  tables: ForecastTables,
  prior: ForecastTables,
  moments: FeatureMoments,
): Pick<CacheCorrection, 'residual' | 'residualPrior' | 'residualUncorrected'> {
  const reuse = identityTables(tables.calls, tables.channels, tables.refreshCalls);
  return {
    residual: forecastResiduals(tables, moments),
    residualPrior: forecastResiduals(prior, moments),
    residualUncorrected: forecastResiduals(reuse, moments),
  };
}
