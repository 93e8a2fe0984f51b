import type { RgbImage } from '@cachequant/pipeline';
import sharp, { type Sharp } from 'sharp';

export const PICTURE_FORMATS = ['png', 'jpeg', 'webp'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

export interface EncodeOptions {
  readonly format: PictureFormat;
  /** OpenAI's `output_compression`, 0 to 100: the quality of a JPEG or WebP. */
  readonly quality?: number | undefined;
}

/** The bytes of an image file. */
export async function encodePicture(
  picture: RgbImage,
  { format, quality = 100 }: EncodeOptions,
): Promise<Uint8Array> {
  const source = pixels(picture);
  // WebP and JPEG know no quality of 0.
  const lossy = { quality: Math.max(1, quality) };
  if (format === 'jpeg') return source.jpeg({ ...lossy, chromaSubsampling: '4:4:4' }).toBuffer();
  return format === 'webp' ? source.webp(lossy).toBuffer() : source.png().toBuffer();
}

export async function base64Picture(picture: RgbImage, options: EncodeOptions): Promise<string> {
  return Buffer.from(await encodePicture(picture, options)).toString('base64');
}

/** The picture `factor` times as large in each direction, smoothed. */
export async function enlarge(picture: RgbImage, factor: number): Promise<RgbImage> {
  const { width, height } = { width: picture.width * factor, height: picture.height * factor };
  if (factor === 1) return picture;
  return {
    width,
    height,
    rgb: await pixels(picture).resize(width, height, { kernel: 'cubic' }).raw().toBuffer(),
  };
}

function pixels({ width, height, rgb }: RgbImage): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 } });
}
