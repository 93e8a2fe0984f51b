import type { RgbImage } from '@cachequant/evaluate';
import { type Tensor, tensor } from '@cachequant/tensor';

/** Shares of red, green and blue in gray, of 65,536, as Pillow takes them. */
const GRAY = [19_595, 38_470, 7471] as const;
const HALF = 128;

/** What is to be painted of a picture: [1, 1, H, W], 1 where the mask is white, 0 where it is black. */
export function toMask({ width, height, rgb }: RgbImage): Tensor<'float32'> {
  const mask = tensor('float32', [1, 1, height, width]);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const weighted = GRAY.reduce((sum, share, channel) => sum + share * rgb[3 * pixel + channel]!, 0);
    mask.data[pixel] = (weighted + 0x80_00) >> 16 >= HALF ? 1 : 0;
  }
  return mask;
}

/** The pixels that a mask leaves, and 0 (gray) for the others. */
export function withoutMasked(pixels: Tensor<'float32'>, mask: Tensor<'float32'>): Tensor<'float32'> {
  const plane = mask.data.length;
  return tensor(
    'float32',
    pixels.dims,
    pixels.data.map((value, i) => value * (1 - mask.data[i % plane]!)),
  );
}

/** A mask at the size of latents: of each square of pixels the first, as diffusers takes it. */
export function maskOfLatents({ dims, data }: Tensor<'float32'>, factor: number): Tensor<'float32'> {
  const [, , height, width] = dims as [number, number, number, number];
  const small = tensor('float32', [1, 1, height / factor, width / factor]);
  const columns = width / factor;
  for (let i = 0; i < small.data.length; i++) {
    const [row, column] = [Math.floor(i / columns) * factor, (i % columns) * factor];
    small.data[i] = data[row * width + column]!;
  }
  return small;
}
