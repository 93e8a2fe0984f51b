import { interval95, meanOf, speedOf } from '@cachequant/evaluate';
import {
  type CalibrationContext,
  compareWith,
  type MeasuredImage,
  measureImage,
  type PreparedImage,
} from '@cachequant/optimizer/experiments';
import type { ReportRow } from '@cachequant/report';
import type { Contender } from './contenders.js';

export interface Comparison {
  readonly rows: readonly ReportRow[];
  /** By contender, in the order of the images. */
  readonly images: ReadonlyMap<string, readonly MeasuredImage[]>;
}

/** PSNR of identical pictures, so that means stay finite. */
const MAX_PSNR = 100;

/**
 * Makes every image with every contender in turn, so that a machine whose speed drifts slows all of them alike.
 * @param totalBytes of the whole folder
 */
export async function compareContenders(
  context: CalibrationContext,
  contenders: readonly Contender[],
  images: readonly PreparedImage[],
  totalBytes: (contender: Contender) => number,
  onImage: (done: number, total: number) => void,
): Promise<Comparison> {
  const made = new Map<string, MeasuredImage[]>(contenders.map(({ id }) => [id, []]));
  for (const { denoiser, sampler } of contenders)
    await measureImage(context, denoiser, images[0]!, { sampler });
  for (const [i, image] of images.entries()) {
    onImage(i, images.length);
    for (const { id, denoiser, sampler } of contenders) {
      made.get(id)!.push(await measureImage(context, denoiser, image, { sampler }));
    }
  }
  onImage(images.length, images.length);
  const originals = made.get('original')!;
  const rows = contenders.map((contender) =>
    rowOf(contender, made.get(contender.id)!, originals, totalBytes(contender)),
  );
  return { rows, images: made };
}

function rowOf(
  { id, label, denoiserBytes }: Contender,
  images: readonly MeasuredImage[],
  originals: readonly MeasuredImage[],
  totalBytes: number,
): ReportRow {
  const { psnr, ssim } = compareWith(
    originals.map(({ picture }) => picture),
    images.map(({ picture }) => picture),
  );
  const finite = psnr.map((value) => Math.min(value, MAX_PSNR));
  const isOriginal = id === 'original';
  const secondsOf = (all: readonly MeasuredImage[]) => all.map(({ seconds }) => seconds);
  const { seconds, speedup } = speedOf(secondsOf(originals), secondsOf(images));
  return {
    id,
    label,
    secondsPerImage: seconds.optimized,
    speedup,
    denoiserBytes,
    totalBytes,
    psnr: isOriginal ? null : meanOf(finite),
    psnrInterval: isOriginal ? null : interval95(finite),
    ssim: isOriginal ? null : meanOf(ssim),
  };
}
