import type { RgbImage } from '@cachequant/evaluate';
import { MersenneTwister } from '@cachequant/tensor';

/** A picture and what is to be painted of it, white. */
export interface CalibrationPicture {
  readonly image: RgbImage;
  readonly mask: RgbImage;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Colours that a picture is spread between, in each direction. */
const CORNERS = 4;
/** One picture of so many is painted whole. */
const WHOLE_EVERY = 4;

/**
 * A picture and a mask for a model for inpainting to be calibrated with, where none are given: colours that run into one
 * another, and a rectangle of a quarter to three quarters of each side; every fourth picture is painted whole.
 * @returns the same for the same seed
 */
export function calibrationPicture(seed: number, size: Size): CalibrationPicture {
  const generator = new MersenneTwister(seed);
  const random = () => generator.nextUint32() / 2 ** 32;
  const corners = Array.from({ length: CORNERS ** 2 }, () => [random(), random(), random()]);
  const image = drawn(size, (x, y) => colourAt(corners, x, y));
  if (seed % WHOLE_EVERY === 0) return { image, mask: drawn(size, () => [1, 1, 1]) };
  const [wide, high] = [0.25 + random() / 2, 0.25 + random() / 2];
  const [left, top] = [random() * (1 - wide), random() * (1 - high)];
  const isInside = (x: number, y: number) => x >= left && x < left + wide && y >= top && y < top + high;
  return { image, mask: drawn(size, (x, y) => (isInside(x, y) ? [1, 1, 1] : [0, 0, 0])) };
}

/** Between the four nearest corners; x and y from 0 to 1. */
function colourAt(corners: readonly (readonly number[])[], x: number, y: number): number[] {
  const [across, down] = [x * (CORNERS - 1), y * (CORNERS - 1)];
  const [column, row] = [Math.min(Math.floor(across), CORNERS - 2), Math.min(Math.floor(down), CORNERS - 2)];
  const [right, below] = [across - column, down - row];
  const corner = (dx: number, dy: number) => corners[(row + dy) * CORNERS + column + dx]!;
  return [0, 1, 2].map((channel) => {
    const top = (1 - right) * corner(0, 0)[channel]! + right * corner(1, 0)[channel]!;
    const bottom = (1 - right) * corner(0, 1)[channel]! + right * corner(1, 1)[channel]!;
    return (1 - below) * top + below * bottom;
  });
}

function drawn({ width, height }: Size, colour: (x: number, y: number) => readonly number[]): RgbImage {
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const values = colour((i % width) / width, Math.floor(i / width) / height);
    for (const [channel, value] of values.entries()) rgb[3 * i + channel] = Math.round(255 * value);
  }
  return { width, height, rgb };
}
