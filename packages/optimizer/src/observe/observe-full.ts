import type { MomentsSnapshot } from '@cachequant/correction';
import { allFinite, layerLocator } from '@cachequant/pipeline/internals';
import { type ActivationGridTable, ActivationStatistics, OBSERVATIONS_OUTPUT } from '@cachequant/quantizer';
import type { TwoFold } from '@cachequant/tensor';
import {
  CACHE_NAME,
  type CalibrationContext,
  loadGraph,
  observingDenoiser,
  runGraph,
  sampleCalibration,
} from '../calibration-context.js';
import { SAMPLES_KEPT } from '../graphs/cached-graphs.js';
import { CacheMoments } from './cache-moments.js';
import { type FloatTrajectory, TrajectoryRecorder } from './trajectory.js';

/** What one float pass over the calibration images leaves behind. */
export interface FullObservation {
  /** Of the cached tensor; even and odd images apart, so that a fit can be checked on what it has not seen. */
  readonly moments: TwoFold<MomentsSnapshot>;
  readonly grids: ActivationGridTable | undefined;
  /** Final latents of the calibration images, one behind another. */
  readonly latents: Float32Array;
  readonly trajectory: FloatTrajectory;
}

/**
 * Runs the float model once over the calibration images, gathering the moments of the cached tensor and
 * the activations that the integer graph needs, and recording what later passes replay. It is no `observe`, since its
 * calls are what sampling comes to.
 * @param sites tensors whose activations the graph's observers report; none in float
 */
export async function observeFull(
  context: CalibrationContext,
  graph: string,
  sites: readonly string[],
  window: number,
): Promise<FullObservation> {
  const session = await loadGraph(context, graph);
  const { calls } = context.sampler;
  const statistics = sites.length > 0 ? new ActivationStatistics(calls, sites, SAMPLES_KEPT) : undefined;
  const moments = new CacheMoments({ calls, window });
  let current = 0;
  const latents: Float32Array[] = [];
  const recorder = new TrajectoryRecorder(context);
  const outputs = [context.output, CACHE_NAME, ...(statistics ? [OBSERVATIONS_OUTPUT] : [])];
  const denoiser = observingDenoiser(
    session,
    async (call) => {
      const results = await runGraph(context, session, call, outputs);
      // The sampling loop says so; statistics would only hide it.
      if (!allFinite(results[context.output]!.data)) return results[context.output]!;
      const features = results[CACHE_NAME]!;
      moments.record({ image: current, call: call.call }, features);
      statistics?.record(call.call, results[OBSERVATIONS_OUTPUT]!.data);
      const prediction = results[context.output]!;
      await recorder.add(call.sample, features, prediction);
      return prediction;
    },
    layerLocator(context.runtime, context.work, graph),
  );
  try {
    await sampleCalibration(context, denoiser, {
      before: (image) => {
        current = image;
        recorder.begin(image);
      },
      after: async (_, result) => {
        latents.push(result.data);
        await recorder.end();
      },
    });
  } finally {
    await recorder.abort();
    await session.dispose();
  }
  return {
    moments: moments.snapshot(),
    grids: statistics?.grids(),
    latents: joined(latents),
    trajectory: recorder.finish(),
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
