import { meanSquaredResidual, statisticsReader } from './call-statistics.js';
import type { FeatureMoments } from './feature-moments.js';
import { type Anchors, anchorsOfCalls } from './forecast-prior.js';
import type { ForecastTables } from './forecast-tables.js';

/** Mean squared residual of given tables at every call, over all channels and samples of the moments. */
export function forecastResiduals(tables: ForecastTables, moments: FeatureMoments): Float64Array {
  const { calls, channels, a0, a1, b } = tables;
  const residuals = new Float64Array(calls);
  for (const [call, pair] of usedAnchors(tables).entries()) {
    const statistics = statisticsReader(moments, pair, call);
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      const at = call * channels + channel;
      sum += meanSquaredResidual(statistics(channel), a0[at]!, a1[at]!, b[at]!);
    }
    residuals[call] = sum / channels;
  }
  return residuals;
}

/** Anchors of every call, with the previous one only where a coefficient asks for it. */
export function usedAnchors({ calls, channels, refreshCalls, a1 }: ForecastTables): Anchors[] {
  return anchorsOfCalls(calls, refreshCalls, 2).map((pair, call) => {
    const used = a1.subarray(call * channels, (call + 1) * channels).some((value) => value !== 0);
    return used ? pair : { ...pair, previous: -1 };
  });
}
