import { channelLayout, FeatureMoments } from '@cachequant/correction';
import { allFinite, layerLocator } from '@cachequant/pipeline/internals';
import { OBSERVATIONS_OUTPUT } from '@cachequant/quantizer';
import {
  CACHE_NAME,
  type CalibrationContext,
  loadGraph,
  observingDenoiser,
  runGraph,
  sampleCalibration,
} from '../calibration-context.js';
import { type FullObservation, joined, ObservationSums, type ObservedImage } from './observed-image.js';
import { TrajectoryRecorder } from './trajectory.js';

/** What is observed of the float model. */
export interface ObservedGraph {
  /** Path in the work folder. */
  readonly graph: string;
  /** Tensors whose activations the graph's observers report; none in float. */
  readonly sites: readonly string[];
  /** Pairs of calls less than this far apart have moments. */
  readonly window: number;
}

/**
 * Runs the float model once over the calibration images, gathering the moments of the cached tensor and
 * the activations that the integer graph needs, and recording what later passes replay.
 */
export async function observeFull(
  context: CalibrationContext,
  observed: ObservedGraph,
): Promise<FullObservation> {
  const sums = new ObservationSums(context.sampler.calls, observed.sites);
  await observeImages(context, observed, [...context.calibration.keys()], (image) => sums.add(image));
  return sums.result();
}

/**
 * Runs the float model over some of the calibration images. It is no `observe`, since its calls are what sampling comes
 * to.
 * @param images their numbers, ascending
 * @param visit gets each image when it is done, and is waited for
 */
export async function observeImages(
  context: CalibrationContext,
  { graph, sites, window }: ObservedGraph,
  images: readonly number[],
  visit: (image: ObservedImage) => void | Promise<void>,
): Promise<void> {
  const session = await loadGraph(context, graph);
  const { calls } = context.sampler;
  let moments: FeatureMoments | undefined;
  let observations: Float32Array[] = [];
  const recorder = new TrajectoryRecorder(context);
  const outputs = [context.output, CACHE_NAME, ...(sites.length > 0 ? [OBSERVATIONS_OUTPUT] : [])];
  const denoiser = observingDenoiser(
    session,
    async (call) => {
      const results = await runGraph(context, session, call, outputs);
      // The sampling loop says so; statistics would only hide it.
      if (!allFinite(results[context.output]!.data)) return results[context.output]!;
      const features = results[CACHE_NAME]!;
      const layout = channelLayout(features.dims);
      if (call.call === 0) {
        moments = new FeatureMoments({ calls, channels: layout.channels, window: Math.min(window, calls) });
        moments.begin();
      }
      moments!.observe(call.call, features.data, layout);
      if (sites.length > 0) observations.push(results[OBSERVATIONS_OUTPUT]!.data);
      const prediction = results[context.output]!;
      await recorder.add(call.sample, features, prediction);
      return prediction;
    },
    layerLocator(context.runtime, context.work, graph),
  );
  try {
    await sampleCalibration(context, denoiser, {
      images,
      before: (image) => {
        observations = [];
        recorder.begin(image);
      },
      after: async (image, { data: latents }) => {
        moments!.end();
        const records = await recorder.end();
        await visit({
          image,
          moments: moments!.snapshot(),
          observations: sites.length > 0 ? joined(observations) : undefined,
          latents,
          records,
        });
      },
    });
  } finally {
    await recorder.abort();
    await session.dispose();
  }
}
