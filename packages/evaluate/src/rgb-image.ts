import { CacheQuantError } from '@cachequant/tensor';

/** A picture of 8 bits a channel: rows from the top, three bytes a pixel. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue; width · height · 3 bytes. */
  readonly rgb: Uint8Array;
}

/**
 * Throws `shape` unless both pictures have the same size and as many bytes as it needs.
 * @throws CacheQuantError `shape` when the bytes do not fill the picture, or two pictures differ in size
 */
export function checkSameSize(where: string, first: RgbImage, second: RgbImage): void {
  for (const { width, height, rgb } of [first, second]) {
    if (rgb.length === width * height * 3 && rgb.length > 0) continue;
    throw new CacheQuantError('shape', 'the bytes do not fill the picture', {
      where,
      expected: `${width * height * 3} bytes for ${width}×${height}`,
      got: String(rgb.length),
    });
  }
  if (first.width === second.width && first.height === second.height) return;
  throw new CacheQuantError('shape', 'the pictures differ in size', {
    where,
    expected: `${first.width}×${first.height}`,
    got: `${second.width}×${second.height}`,
  });
}
