import { requireInteger } from '@cachequant/tensor';
import { type Anchors, anchorsOfCalls, type ForecastPrior, priorCoefficients } from './forecast-prior.js';

/**
 * Coefficients of x̂_t = a0 ⊙ x_s + a1 ⊙ x_p + b, where s is the last refresh at or before call t and p the one
 * before it. Tables are [calls, channels], row-major; at refreshes a0 = 1, a1 = 0, b = 0.
 */
export interface ForecastTables {
  readonly calls: number;
  readonly channels: number;
  readonly refreshCalls: readonly number[];
  readonly a0: Float32Array;
  readonly a1: Float32Array;
  readonly b: Float32Array;
}

/**
 * Coefficient tables without any fit: plain reuse, or the line through the last two refreshes.
 *
 * Under `extrapolation` call t gets a0 = 1 + k, a1 = −k with k = (t − s) / (s − p); before the second refresh
 * it is reuse.
 */
export function pureForecast(options: {
  calls: number;
  channels: number;
  refreshCalls: readonly number[];
  prior: ForecastPrior;
}): ForecastTables {
  const { calls, channels, refreshCalls, prior } = options;
  const tables = identityTables(calls, channels, refreshCalls);
  const anchors = anchorsOfCalls(calls, refreshCalls, prior === 'extrapolation' ? 2 : 1);
  forEachCachedCall(anchors, (call, pair) => {
    const [a0, a1] = priorCoefficients(prior, pair, call);
    tables.a0.fill(a0, call * channels, (call + 1) * channels);
    tables.a1.fill(a1, call * channels, (call + 1) * channels);
  });
  return tables;
}

/** Plain reuse: a0 = 1, a1 = 0, b = 0 at every call, [calls, channels]. */
export function identityTables(
  calls: number,
  channels: number,
  refreshCalls: readonly number[],
): ForecastTables {
  requireInteger('channels', channels, 1);
  const size = calls * channels;
  return {
    calls,
    channels,
    refreshCalls: [...refreshCalls],
    a0: new Float32Array(size).fill(1),
    a1: new Float32Array(size),
    b: new Float32Array(size),
  };
}

/** Visits every call that is no refresh, with its anchors. */
export function forEachCachedCall(
  anchors: readonly Anchors[],
  visit: (call: number, pair: Anchors) => void,
): void {
  for (const [call, pair] of anchors.entries()) if (pair.current !== call) visit(call, pair);
}
