import { channelLayout, type FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import type { Session } from '@cachequant/tensor';
import {
  CACHE_NAME,
  type Laboratory,
  observingDenoiser,
  runGraph,
  sampleCalibration,
  withGraphs,
} from './laboratory.js';
import { momentsFor } from './observe-full.js';

/**
 * Moments of the quantized model's own cached tensors against the float ones, on the float trajectory: what
 * a cached call will really be given, against what it should see.
 *
 * The correction fitted on these weighs the forecast against the rounding noise it would amplify.
 */
export async function observeAnchors(
  lab: Laboratory,
  graphs: { readonly float: string; readonly integer: string },
  window: number,
): Promise<readonly [MomentsSnapshot, MomentsSnapshot]> {
  return withGraphs(lab, graphs, (sessions) => gather(lab, sessions, window));
}

async function gather(
  lab: Laboratory,
  { float, integer }: { readonly float: Session; readonly integer: Session },
  window: number,
): Promise<readonly [MomentsSnapshot, MomentsSnapshot]> {
  let halves: [FeatureMoments, FeatureMoments] | undefined;
  let current = 0;
  const denoiser = observingDenoiser(float, async (call) => {
    const target = await runGraph(lab, float, call, [lab.output, CACHE_NAME]);
    const anchor = await runGraph(lab, integer, call, [CACHE_NAME]);
    const layout = channelLayout(target[CACHE_NAME]!.dims);
    const { calls } = lab.sampler;
    halves ??= [
      momentsFor(calls, layout.channels, window, true),
      momentsFor(calls, layout.channels, window, true),
    ];
    if (call.call === 0) halves[current % 2]!.begin();
    halves[current % 2]!.observe(call.call, target[CACHE_NAME]!.data, layout, anchor[CACHE_NAME]!.data);
    return target[lab.output]!;
  });
  await sampleCalibration(lab, 'correct', denoiser, {
    before: (image) => {
      current = image;
    },
    after: (image) => halves![image % 2]!.end(),
  });
  return [halves![0].snapshot(), halves![1].snapshot()];
}
