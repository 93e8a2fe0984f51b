import type { MomentsSnapshot } from '@cachequant/correction';
import type { TwoFold } from '@cachequant/tensor';
import { CACHE_NAME, type CalibrationContext } from '../calibration-context.js';
import { CacheMoments } from './cache-moments.js';
import { observe, replayedFeeds } from './observe.js';
import { type FloatTrajectory, replay } from './trajectory.js';

/**
 * Moments of the quantized model's own cached tensors against the float ones, on the float trajectory: what
 * a cached call will really be given, against what it should see.
 *
 * The correction fitted on these weighs the forecast against the rounding noise it would amplify.
 */
export function observeAnchors(
  context: CalibrationContext,
  trajectory: FloatTrajectory,
  integerGraph: string,
  window: number,
): Promise<TwoFold<MomentsSnapshot>> {
  const { calls } = context.sampler;
  const moments = new CacheMoments({ calls, window, separateAnchors: true });
  return observe(context, integerGraph, replay(context, trajectory), {
    outputs: [CACHE_NAME],
    feeds: replayedFeeds(),
    record: (results, { image, call, features }) =>
      moments.record({ image, call: call.call }, features, results[CACHE_NAME]!.data),
    result: () => moments.snapshot(),
  });
}
