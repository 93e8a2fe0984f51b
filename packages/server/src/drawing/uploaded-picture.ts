import type { RgbImage } from '@cachequant/pipeline';
import sharp, { type Sharp } from 'sharp';
import { ApiError } from '../faults/api-error.js';
import type { ServerLimits } from '../limits.js';

const FORMATS = ['png', 'jpeg', 'webp'];

/** What an uploaded file says of itself. */
export interface UploadedPicture {
  readonly bytes: Uint8Array;
  /** Whether some of it may be seen through. */
  readonly hasAlpha: boolean;
}

/**
 * Looks into a picture that a client sent; its pixels are read when it is drawn.
 * @param param the request's field
 * @throws ApiError 400 for what is no picture, or one of too many pixels
 */
export async function uploadedPicture(
  bytes: Uint8Array,
  param: string,
  { uploadPixels }: Pick<ServerLimits, 'uploadPixels'>,
): Promise<UploadedPicture> {
  const { format, width, height, hasAlpha } = await describe(bytes, param);
  if (format === undefined || !FORMATS.includes(format)) throw refused(param, 'expected a PNG, JPEG or WebP');
  if (width * height > uploadPixels) {
    throw refused(param, `expected at most ${uploadPixels} pixels, got ${width}x${height}`);
  }
  return { bytes, hasAlpha };
}

async function describe(bytes: Uint8Array, param: string) {
  try {
    return await sharp(bytes).metadata();
  } catch (cause) {
    throw refused(param, 'it is no picture', cause);
  }
}

function refused(param: string, why: string, cause?: unknown): ApiError {
  return new ApiError(400, `${param}: ${why}.`, { param, code: 'invalid_image', cause });
}

/** What may be seen through of a picture, in white: OpenAI's form of what is to be painted. */
export function transparentParts({ bytes }: UploadedPicture): Promise<Uint8Array> {
  return maskFile(upright(bytes).extractChannel('alpha').negate());
}

/** A mask the other way round. */
export function invertedMask({ bytes }: UploadedPicture): Promise<Uint8Array> {
  return maskFile(upright(bytes).removeAlpha().grayscale().negate());
}

async function maskFile(mask: Sharp): Promise<Uint8Array> {
  return mask.toColourspace('b-w').png().toBuffer();
}

/** Cameras say in a tag which side is up. */
export function upright(bytes: Uint8Array): Sharp {
  return sharp(bytes).autoOrient();
}

/** A picture's colours at a size: scaled to fill it, and cropped in the middle. */
export async function pixelsOf(
  picture: Sharp,
  { width, height }: Pick<RgbImage, 'width' | 'height'>,
): Promise<RgbImage> {
  const rgb = await picture
    .clone()
    .removeAlpha()
    .toColourspace('srgb')
    .resize(width, height, { fit: 'cover', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { width, height, rgb };
}
