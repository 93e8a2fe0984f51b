import type { RgbImage } from '@cachequant/evaluate';
import { psnr, ssim } from '@cachequant/evaluate';
import type { CallKind, Denoiser, SamplingStep } from '@cachequant/pipeline';
import { type CalibrationContext, type PreparedImage, sampleImage } from '../calibration-context.js';

/** One image, made and timed. */
export interface MeasuredImage {
  readonly picture: RgbImage;
  readonly calls: readonly { readonly kind: CallKind; readonly ms: number }[];
  readonly decoderMs: number;
  /** Denoising and decoding. */
  readonly seconds: number;
  /** Latents after each network call, where they were asked for. */
  readonly trajectory: readonly Float32Array[];
}

export interface MeasureOptions {
  readonly sampler?: CalibrationContext['sampler'];
  readonly keepTrajectory?: boolean;
}

/** Makes one image and takes the time. */
export async function measureImage(
  context: CalibrationContext,
  denoiser: Denoiser,
  image: PreparedImage,
  { sampler = context.sampler, keepTrajectory = false }: MeasureOptions = {},
): Promise<MeasuredImage> {
  const trajectory: Float32Array[] = [];
  const start = performance.now();
  const { latents, calls } = await sampleImage(context, denoiser, image, {
    sampler,
    ...(keepTrajectory && {
      onStep: (step: SamplingStep) => {
        trajectory.push(step.latents.data.slice());
      },
    }),
  });
  const denoised = performance.now();
  const picture = await context.toPicture(latents);
  const end = performance.now();
  return { picture, calls, decoderMs: end - denoised, seconds: (end - start) / 1000, trajectory };
}

/** PSNR and SSIM of pictures against the original's, paired by seed. */
export interface Quality {
  /** In decibels, one for each image. */
  readonly psnr: readonly number[];
  readonly ssim: readonly number[];
}

/** PSNR and SSIM of each picture to its original. */
export function compareWith(originals: readonly RgbImage[], pictures: readonly RgbImage[]): Quality {
  return {
    psnr: pictures.map((picture, i) => psnr(originals[i]!, picture)),
    ssim: pictures.map((picture, i) => ssim(originals[i]!, picture)),
  };
}
