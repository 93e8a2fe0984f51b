import type { RgbImage } from '@cachequant/evaluate';
import { encode } from 'fast-png';

/** The bytes of a PNG file, without loss. */
export function encodePng({ width, height, rgb }: RgbImage): Uint8Array {
  return encode({ width, height, data: rgb, channels: 3, depth: 8 });
}
