import type { RgbImage } from '@cachequant/evaluate';
import { hashText } from '@cachequant/pipeline/internals';
import { CacheQuantError } from '@cachequant/tensor';
import type { OpenRecipe } from '../recipe.js';
import type { PreparedSource } from './prepare-source.js';

/**
 * Gives the images that a ControlNet follows while the model is calibrated, of the size of the pictures. What it is told
 * later should be of their kind; calibration and verification take them in turn, as they do with prompts.
 */
export type ControlImages = (size: {
  readonly width: number;
  readonly height: number;
}) => Promise<readonly RgbImage[]>;

/** Control images that calibration sees, and others for the verification. */
export interface PreparedControl {
  readonly seen: readonly RgbImage[];
  readonly heldOut: readonly RgbImage[];
  /** Of their pixels. */
  readonly fingerprint: string;
}

/** One image of so many is held out, as of prompts, so that pairs of both stay together. */
const HELD_OUT_EVERY = 4;

/**
 * Reads the control images of a model with a ControlNet. None are made up: whether it was trained on edges, depths or
 * poses is nowhere written, and ranges of others say nothing.
 * @returns undefined for a model without a ControlNet
 * @throws CacheQuantError `invalid-argument` for a model that needs images and is given none, or the other way round
 */
export async function prepareControl(
  { conditioning, pictureSize }: Pick<PreparedSource, 'conditioning' | 'pictureSize'>,
  { controlScale }: Pick<OpenRecipe, 'controlScale'>,
  given: ControlImages | undefined,
): Promise<PreparedControl | undefined> {
  if (!conditioning?.family.takesControl) {
    if (given === undefined && controlScale === undefined) return undefined;
    throw new CacheQuantError('invalid-argument', 'the model follows no ControlNet', {
      where: given ? 'controlImages' : 'option controlScale',
      hint: 'Open it with a ControlNet, or leave this out',
    });
  }
  const images = (await given?.(pictureSize)) ?? [];
  if (images.length === 0) {
    throw new CacheQuantError('invalid-argument', 'the control images to calibrate with are missing', {
      where: 'controlImages',
      expected: 'some images of the kind that its ControlNet was trained on, such as edges or depths',
      hint: 'Four or more serve best: every fourth is kept for the verification',
    });
  }
  for (const [i, { width, height }] of images.entries()) {
    if (width === pictureSize.width && height === pictureSize.height) continue;
    throw new CacheQuantError('invalid-argument', 'a control image has another size than the pictures', {
      where: `controlImages[${i}]`,
      expected: `${pictureSize.width}x${pictureSize.height}`,
      got: `${width}x${height}`,
    });
  }
  const isHeldOut = (i: number) => i % HELD_OUT_EVERY === HELD_OUT_EVERY - 1;
  const enough = images.length >= HELD_OUT_EVERY;
  return {
    seen: enough ? images.filter((_, i) => !isHeldOut(i)) : images,
    heldOut: enough ? images.filter((_, i) => isHeldOut(i)) : images,
    fingerprint: hashText(images.map(({ rgb }) => hashText(hexOf(rgb))).join('\n')),
  };
}

function hexOf(bytes: ArrayLike<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
