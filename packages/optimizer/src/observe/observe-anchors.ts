import { channelLayout, type FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import type { Session } from '@cachequant/tensor';
import { CACHE_NAME, type Laboratory, runGraph, withGraphs } from '../laboratory.js';
import { momentsFor } from './observe-full.js';
import { type FloatTrajectory, replay } from './trajectory.js';

/**
 * Moments of the quantized model's own cached tensors against the float ones, on the float trajectory: what
 * a cached call will really be given, against what it should see.
 *
 * The correction fitted on these weighs the forecast against the rounding noise it would amplify.
 */
export async function observeAnchors(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  integerGraph: string,
  window: number,
): Promise<readonly [MomentsSnapshot, MomentsSnapshot]> {
  return withGraphs(lab, { integer: integerGraph }, ({ integer }) =>
    gather(lab, trajectory, integer, window),
  );
}

async function gather(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  integer: Session,
  window: number,
): Promise<readonly [MomentsSnapshot, MomentsSnapshot]> {
  const { calls } = lab.sampler;
  let halves: [FeatureMoments, FeatureMoments] | undefined;
  for await (const { image, call, features } of replay(lab, trajectory)) {
    const layout = channelLayout(features.dims);
    halves ??= [
      momentsFor(calls, layout.channels, window, true),
      momentsFor(calls, layout.channels, window, true),
    ];
    const anchor = await runGraph(lab, integer, call, [CACHE_NAME]);
    const half = halves[image % 2]!;
    if (call.call === 0) half.begin();
    half.observe(call.call, features.data, layout, anchor[CACHE_NAME]!.data);
    if (call.call === calls - 1) half.end();
  }
  return [halves![0].snapshot(), halves![1].snapshot()];
}
