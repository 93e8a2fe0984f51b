import type { RgbImage } from '@cachequant/web';

/** How much differences are strengthened, to be seen at all. */
const GAIN = 8;

/** Where two pictures differ, on mid-gray; undefined when they have different sizes. */
export function differencePicture(a: RgbImage, b: RgbImage): RgbImage | undefined {
  if (a.width !== b.width || a.height !== b.height) return undefined;
  const rgb = Uint8Array.from(a.rgb, (value, at) =>
    Math.min(255, Math.max(0, 128 + GAIN * (b.rgb[at]! - value))),
  );
  return { width: a.width, height: a.height, rgb };
}
