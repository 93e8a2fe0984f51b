import {
  combine,
  type Guidance,
  GuidanceForecast,
  guidedPrediction,
  isGuided,
} from '@cachequant/pipeline/internals';
import type { CalibratedModel } from '../calibrated-model.js';
import { replay } from '../observe/trajectory.js';
import { type Candidate, candidateKey } from './candidate.js';
import { imageGuidance } from './image-guidance.js';
import { calibrationPsnr, loadVariant, type Variant } from './variant.js';

/** A variant whose predictions take in a part of those before them, and what that brings. */
export interface SmoothedPredictions {
  readonly variant: Variant;
  /** With it, in decibels, one for each calibration image. */
  readonly psnr: readonly number[];
}

/** Fits the smoothing of a candidate's predictions and measures it, or reads back what was measured before. */
export function smoothPredictions(
  calibrated: CalibratedModel,
  candidate: Candidate,
): Promise<SmoothedPredictions> {
  return calibrated.runner.stage({ kind: 'smoothing', ...candidateKey(calibrated, candidate) }, async () => {
    const { variant } = candidate;
    const smoothing = await fitSmoothing(calibrated, variant);
    const smoothed = { ...variant, cached: { ...variant.cached!, smoothing } };
    const psnr = await calibrationPsnr(calibrated.context, smoothed, calibrated.references);
    return { variant: smoothed, psnr };
  });
}

/**
 * Least squares, one weight for each call: what share of the prediction before brings that of the integer model
 * nearest to the float model's, both on the float model's trajectory.
 * @returns by call; 0 at the first one
 */
async function fitSmoothing({ context, trajectory }: CalibratedModel, variant: Variant): Promise<number[]> {
  const { calls } = context.sampler;
  const [power, product] = [new Float64Array(calls), new Float64Array(calls)];
  const denoiser = await loadVariant(context, variant);
  const options = context.signal ? { signal: context.signal } : {};
  let guidance: Guidance | undefined;
  let before: Float32Array | undefined;
  try {
    for await (const { image, call, sample, prediction } of replay(context, trajectory)) {
      if (call.call === 0) {
        denoiser.reset();
        const forecast = new GuidanceForecast(denoiser.guidanceExtrapolation);
        guidance = imageGuidance(context, context.calibration[image]!, forecast);
        before = undefined;
      }
      const { data } = await guidedPrediction(denoiser, { ...call, sample }, guidance!, options);
      const truth = guidedTruth(prediction.data, guidance!);
      for (const [i, earlier] of (before ?? []).entries()) {
        const difference = earlier - data[i]!;
        power[call.call]! += difference * difference;
        product[call.call]! += difference * (truth[i]! - data[i]!);
      }
      before = data;
    }
  } finally {
    await denoiser.dispose();
  }
  return Array.from(power, (value, call) => (value > 0 ? product[call]! / value : 0));
}

/** The float model's prediction with guidance, from both halves of it where there are two. */
function guidedTruth(recorded: Float32Array, { scale }: Guidance): Float32Array {
  if (!isGuided(scale)) return recorded;
  const half = recorded.length / 2;
  return combine(recorded.subarray(0, half), recorded.subarray(half), scale);
}
