import type { Tensor } from '@cachequant/tensor';
import { combine, guidedPrediction } from '../generate/guidance.js';
import { GuidanceForecast } from '../generate/guidance-forecast.js';
import type { Candidate } from './candidate.js';
import type { Study } from './study.js';
import { replay } from './trajectory.js';
import { calibrationPsnr, loadVariant, type Variant } from './variant.js';

/** A variant whose predictions take in a part of those before them, and what that brings. */
export interface SmoothedPredictions {
  readonly variant: Variant;
  /** With it, in decibels, one for each calibration image. */
  readonly psnr: readonly number[];
}

/** Fits the smoothing of a candidate's predictions and measures it, or reads back what was measured before. */
export function smoothPredictions(study: Study, { name, variant }: Candidate): Promise<SmoothedPredictions> {
  return study.runner.stage(`smooth-${name}`, async () => {
    const smoothing = await fitSmoothing(study, variant);
    const smoothed = { ...variant, cached: { ...variant.cached!, smoothing } };
    const psnr = await calibrationPsnr(study.lab, 'try smoothing', smoothed, study.references);
    return { variant: smoothed, psnr };
  });
}

/**
 * Least squares, one weight for each call: what share of the prediction before brings that of the integer model
 * nearest to the float model's, both on the float model's trajectory.
 * @returns by call; 0 at the first one
 */
async function fitSmoothing({ lab, trajectory }: Study, variant: Variant): Promise<number[]> {
  const { calls } = lab.sampler;
  const [power, product] = [new Float64Array(calls), new Float64Array(calls)];
  const denoiser = await loadVariant(lab, variant);
  try {
    let forecast = new GuidanceForecast();
    let before: Float32Array | undefined;
    for await (const { image, call, prediction } of replay(lab, trajectory, 'fit smoothing')) {
      if (call.call === 0) {
        denoiser.reset();
        forecast = new GuidanceForecast(denoiser.guidanceReach);
        before = undefined;
      }
      const { conditioning, unconditional } = lab.calibration[image]!;
      const guided = lab.guidanceScale !== 1 && unconditional !== undefined;
      const options = lab.signal ? { signal: lab.signal } : {};
      const { data } = await guidedPrediction(
        denoiser,
        { ...call, sample: guided ? firstHalf(call.sample) : call.sample },
        {
          conditional: conditioning,
          unconditional,
          scale: guided ? lab.guidanceScale : 1,
          halves: 'together',
          forecast,
        },
        options,
      );
      const truth = guided ? guidedTruth(prediction.data, lab.guidanceScale) : prediction.data;
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

function firstHalf({ dtype, dims, data }: Tensor<'float32'>): Tensor<'float32'> {
  return { dtype, dims: [dims[0]! / 2, ...dims.slice(1)], data: data.slice(0, data.length / 2) };
}

function guidedTruth(both: Float32Array, scale: number): Float32Array {
  return combine(both.subarray(0, both.length / 2), both.subarray(both.length / 2), scale);
}
