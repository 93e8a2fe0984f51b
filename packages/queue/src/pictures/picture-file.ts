import { encodePng, type RgbImage, readPngText } from '@cachequant/pipeline';
import { CacheQuantError, parseJson } from '@cachequant/tensor';
import sharp from 'sharp';
import { z } from 'zod';

const KEYWORD = 'cachequant-queue';

const detailsSchema = z.object({
  seed: z.int(),
  steps: z.int(),
  sampler: z.string().optional(),
  guidanceScale: z.number().optional(),
  warnings: z.array(z.string()),
  /** From the prompt to the pixels, on the machine that drew it. */
  seconds: z.number(),
  model: z.object({ kind: z.enum(['bundle', 'folder']), name: z.string(), fingerprint: z.string() }),
});

/** What is known of a picture beside its pixels. Prompts are not in it. */
export type PictureDetails = z.output<typeof detailsSchema>;

/** A picture out of the archive. */
export interface ArchivedPicture extends RgbImage {
  readonly details: PictureDetails;
}

/** A PNG file with the details in it, so that both are there or neither is. */
export function writePicture(picture: RgbImage, details: PictureDetails): Uint8Array {
  return encodePng(picture, { [KEYWORD]: JSON.stringify(details) });
}

/** @throws CacheQuantError `storage` for a file that is no picture of the archive */
export async function readPicture(file: Uint8Array): Promise<ArchivedPicture> {
  try {
    const details = detailsSchema.parse(parseJson(readPngText(file)[KEYWORD] ?? '', KEYWORD));
    const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, rgb: data, details };
  } catch (cause) {
    throw new CacheQuantError('storage', 'a file in the archive of pictures is none of them', {
      where: 'pictures',
      cause,
    });
  }
}

/** A small file of an unfinished picture. */
export async function writePreview({ width, height, rgb }: RgbImage): Promise<string> {
  const file = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .webp({ quality: 85 })
    .toBuffer();
  return file.toString('base64');
}

/** The opposite of `writePreview`. */
export async function readPreview(text: string): Promise<RgbImage> {
  const { data, info } = await sharp(Buffer.from(text, 'base64'))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: data };
}
