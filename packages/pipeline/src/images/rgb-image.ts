import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Tensor } from '@cachequant/tensor';

/**
 * The pictures of a decoder's output, rounded as diffusers does: x/2 + 0.5, clamped to [0, 1], times 255.
 * @param pixels [B, 3, H, W] or [B, 1, H, W] (gray) in [−1, 1]
 * @throws CacheQuantError `shape` for another number of channels
 */
export function toRgbImages({ dims, data }: Tensor<'float32'>): RgbImage[] {
  const [batch = 0, channels = 0, height = 0, width = 0] = dims;
  if (dims.length !== 4 || (channels !== 3 && channels !== 1)) {
    throw new CacheQuantError('shape', 'the decoder gave no pictures', {
      where: 'toRgbImages',
      expected: '[B, 3, H, W] or [B, 1, H, W]',
      got: `[${dims}]`,
    });
  }
  const plane = width * height;
  return Array.from({ length: batch }, (_, image) => {
    const rgb = new Uint8Array(plane * 3);
    for (let i = 0; i < rgb.length; i++) {
      const channel = channels === 1 ? 0 : i % 3;
      rgb[i] = toByte(data[(image * channels + channel) * plane + Math.floor(i / 3)]!);
    }
    return { width, height, rgb };
  });
}

/** The same picture with an opaque alpha channel, as canvases take it. */
export function toRgba({ width, height, rgb }: RgbImage): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) rgba[pixel * 4 + channel] = rgb[pixel * 3 + channel]!;
  }
  return rgba;
}

function toByte(value: number): number {
  const unit = Math.min(Math.max(Math.fround(Math.fround(value * 0.5) + 0.5), 0), 1);
  return roundHalfEven(Math.fround(unit * 255));
}

function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
