import type { RgbImage } from '@cachequant/evaluate';
import { psnr } from '@cachequant/evaluate';
import { type Denoiser, floatDenoiser, loadCachedDenoiser, loadGraph } from '@cachequant/pipeline/internals';
import { type Laboratory, sampleCalibration } from '../laboratory.js';

/** A way to run the denoiser: graphs of the work folder, and when each of them runs. */
export interface Variant {
  readonly full: string;
  /** Left out: the full graph runs at every call. */
  readonly cached?: {
    readonly graph: string;
    readonly refreshSteps: readonly number[];
    readonly anchors: 1 | 2;
    /** Left out: cached calls compute both halves. */
    readonly guidance?: 'forecast';
    /** Fitted reach of that forecast, by call. */
    readonly guidanceReach?: readonly number[];
    /** Weight of the prediction before, by call. */
    readonly smoothing?: readonly number[];
  };
}

/** Loads the graphs of a variant as a denoiser. */
export async function loadVariant(lab: Laboratory, { full, cached }: Variant): Promise<Denoiser> {
  const options = lab.signal ? { signal: lab.signal } : {};
  if (!cached) return floatDenoiser(await loadGraph(lab.runtime, lab.work, full, options));
  const { graph, ...use } = cached;
  const calibratedTimesteps = lab.sampler.timesteps;
  const files = { full, cached: graph, calibratedTimesteps, ...use };
  return loadCachedDenoiser(lab.runtime, lab.work, files, options);
}

/** PSNR in decibels of each calibration image against its reference picture. */
export async function calibrationPsnr(
  lab: Laboratory,
  variant: Variant,
  references: readonly RgbImage[],
): Promise<number[]> {
  const denoiser = await loadVariant(lab, variant);
  const quality: number[] = [];
  try {
    await sampleCalibration(lab, denoiser, {
      after: async (image, latents) => {
        quality.push(psnr(references[image]!, await lab.toPicture(latents)));
      },
    });
    return quality;
  } finally {
    await denoiser.dispose();
  }
}
