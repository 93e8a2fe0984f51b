import type { RgbImage } from '@cachequant/evaluate';
import { psnr } from '@cachequant/evaluate';
import { type Denoiser, floatDenoiser, loadGraph } from '@cachequant/pipeline';
import { loadCachedDenoiser } from '@cachequant/pipeline/internals';
import type { Sampler } from '@cachequant/samplers';
import type { LoadOptions } from '@cachequant/tensor';
import { type CalibrationContext, sampleCalibration } from '../calibration-context.js';

/** A way to run the denoiser: graphs of the work folder, and when each of them runs. */
export interface Variant {
  readonly full: string;
  /** Of the calls that are made; left out: all of the sampler's. */
  readonly timesteps?: readonly number[];
  /** Left out: the full graph runs at every call. */
  readonly cached?: {
    readonly graph: string;
    /** Counted among all calls of the sampler. */
    readonly refreshCalls: readonly number[];
    /** Those of them that compute the conditional half of guidance alone. */
    readonly conditionalRefreshes?: readonly number[];
    readonly anchors: 1 | 2;
    /** Left out: cached calls compute both halves. */
    readonly guidance?: 'forecast';
    /** Fitted reach of that forecast, by call. */
    readonly guidanceExtrapolation?: readonly number[];
    /** Weight of the prediction before, by call. */
    readonly smoothing?: readonly number[];
  };
}

/** How the runtime loads graphs that are only checked. */
export type VariantLoading = Pick<LoadOptions, 'optimization'>;

/** Loads the graphs of a variant as a denoiser. */
export async function loadVariant(
  context: CalibrationContext,
  { full, cached }: Variant,
  loading: VariantLoading = {},
): Promise<Denoiser> {
  const options = { ...loading, ...(context.signal && { signal: context.signal }) };
  if (!cached) return floatDenoiser(await loadGraph(context.runtime, context.work, full, options));
  const { graph, ...use } = cached;
  const calibratedTimesteps = context.sampler.timesteps;
  const files = { full, cached: graph, calibratedTimesteps, ...use };
  return loadCachedDenoiser(context.runtime, context.work, files, options);
}

/** The sampler that a variant's calls are laid out by. */
export function samplerOf(context: CalibrationContext, { timesteps }: Variant): Sampler {
  return timesteps ? context.samplerAt(timesteps) : context.sampler;
}

/** PSNR in decibels of each calibration image against its reference picture. */
export async function calibrationPsnr(
  context: CalibrationContext,
  variant: Variant,
  references: readonly RgbImage[],
  loading: VariantLoading = {},
): Promise<number[]> {
  const denoiser = await loadVariant(context, variant, loading);
  const quality: number[] = [];
  try {
    await sampleCalibration(context, denoiser, {
      sampler: samplerOf(context, variant),
      after: async (image, latents) => {
        quality.push(psnr(references[image]!, await context.toPicture(latents)));
      },
    });
    return quality;
  } finally {
    await denoiser.dispose();
  }
}
