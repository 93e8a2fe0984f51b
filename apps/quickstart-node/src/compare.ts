import {
  compareWith,
  type Laboratory,
  type MeasuredImage,
  measureImage,
  type PreparedImage,
} from '@cachequant/optimizer/experiments';
import { interval95, meanOf, medianOf } from '@cachequant/pipeline';
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
 * @param otherBytes of the folder without the denoiser
 */
export async function compareContenders(
  lab: Laboratory,
  contenders: readonly Contender[],
  images: readonly PreparedImage[],
  otherBytes: number,
  onImage: (done: number, total: number) => void,
): Promise<Comparison> {
  const made = new Map<string, MeasuredImage[]>(contenders.map(({ id }) => [id, []]));
  for (const { denoiser, sampler } of contenders) await measureImage(lab, denoiser, images[0]!, { sampler });
  for (const [i, image] of images.entries()) {
    onImage(i, images.length);
    for (const { id, denoiser, sampler } of contenders) {
      made.get(id)!.push(await measureImage(lab, denoiser, image, { sampler }));
    }
  }
  onImage(images.length, images.length);
  const originals = made.get('original')!;
  const rows = contenders.map((contender) =>
    rowOf(lab, contender, made.get(contender.id)!, originals, otherBytes),
  );
  return { rows, images: made };
}

function rowOf(
  lab: Laboratory,
  { id, label, denoiserBytes }: Contender,
  images: readonly MeasuredImage[],
  originals: readonly MeasuredImage[],
  otherBytes: number,
): ReportRow {
  const { psnr, ssim } = compareWith(
    originals.map(({ picture }) => picture),
    images.map(({ picture }) => picture),
  );
  const finite = psnr.map((value) => Math.min(value, MAX_PSNR));
  const isOriginal = id === 'original';
  const withText = (image: MeasuredImage) => image.seconds + lab.textEncoderMs / 1000;
  return {
    id,
    label,
    secondsPerImage: medianOf(images.map(withText)),
    speedup: medianOf(images.map((image, i) => withText(originals[i]!) / withText(image))),
    denoiserBytes,
    totalBytes: denoiserBytes + otherBytes,
    psnr: isOriginal ? null : meanOf(finite),
    psnrInterval: isOriginal ? null : interval95(finite),
    ssim: isOriginal ? null : meanOf(ssim),
  };
}
