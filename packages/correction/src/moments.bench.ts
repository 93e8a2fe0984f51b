import { bench, describe } from 'vitest';
import { fitCacheCorrection } from './cache-correction.js';
import { channelLayout } from './channel-layout.js';
import { FeatureMoments } from './feature-moments.js';
import { forecastResidualTable } from './residual-tables.js';

const layout = channelLayout([2, 320, 64, 64]);
const features = Float32Array.from({ length: 2 * 320 * 64 * 64 }, (_, at) => Math.sin(at));

describe('moments', () => {
  const moments = new FeatureMoments({ calls: 50, channels: 320, window: 20 });
  let call = 50;
  bench(
    'FeatureMoments.observe: one call of [2, 320, 64, 64], window 20',
    () => {
      if (call === 50) {
        moments.begin();
        call = 0;
      }
      moments.observe(call, features, layout);
      call++;
    },
    { time: 1, iterations: 25, warmupTime: 0, warmupIterations: 0 },
  );

  const small = new FeatureMoments({ calls: 51, channels: 320, window: 40 });
  const tiny = channelLayout([1, 320, 2, 2]);
  small.begin();
  for (let at = 0; at < 51; at++) small.observe(at, features.subarray(at, at + 1280), tiny);
  small.end();
  const refreshCalls = Array.from({ length: 10 }, (_, at) => at * 5);
  bench('fitCacheCorrection: 51 calls, 320 channels, two anchors', () => {
    fitCacheCorrection(small, { refreshCalls, anchors: 2, shrinkage: 0.01 });
  });
  bench('forecastResidualTable: 51 calls, 320 channels, window 20', () => {
    forecastResidualTable(small, { window: 20, shrinkage: 0.01 });
  });
});
