import { combine, isGuided } from '@cachequant/pipeline/internals';
import type { CalibratedModel } from '../calibrated-model.js';
import type { FloatRun } from '../candidates/fit-guidance-extrapolation.js';
import { recordedCall } from '../observe/trajectory.js';

/** The float model's run over some calibration images, in memory: a search asks for it again and again. */
export interface KnownRun extends FloatRun {
  readonly sampleAt: (image: number, call: number) => Float32Array;
  /** What the float model predicted, with guidance. */
  readonly predictionAt: (image: number, call: number) => Float32Array;
}

/** @param images at most so many, of those whose run was recorded */
export async function readRun(
  { context, trajectory, latents }: Pick<CalibratedModel, 'context' | 'trajectory' | 'latents'>,
  images: number,
): Promise<KnownRun> {
  const { calls } = context.sampler;
  const size = context.latentDims.reduce((product, dim) => product * dim, 1);
  const count = Math.min(images, trajectory.images.length);
  const samples: Float32Array[][] = [];
  const predictions: Float32Array[][] = [];
  for (let image = 0; image < count; image++) {
    const [ownSamples, ownPredictions]: [Float32Array[], Float32Array[]] = [[], []];
    for (let call = 0; call < calls; call++) {
      const { sample, prediction } = await recordedCall(context, trajectory, image, call);
      const isHalved =
        context.calibration[image]!.unconditional !== undefined && isGuided(context.guidanceScale);
      const half = prediction.data.length / 2;
      const guided = isHalved
        ? combine(prediction.data.subarray(0, half), prediction.data.subarray(half), context.guidanceScale)
        : prediction.data;
      ownSamples.push(sample.data.slice());
      ownPredictions.push(guided.slice(0, size));
    }
    samples.push([...ownSamples, latents.slice(image * size, (image + 1) * size)]);
    predictions.push(ownPredictions);
  }
  return {
    context,
    images: count,
    sampleAt: (image, call) => samples[image]![call]!,
    predictionAt: (image, call) => predictions[image]![call]!,
  };
}
