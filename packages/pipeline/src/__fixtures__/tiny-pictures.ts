import type { RgbImage } from '@cachequant/evaluate';

const SIZE = 32;

function drawn(colorOf: (x: number, y: number) => readonly [number, number, number]): RgbImage {
  const colors = Array.from({ length: SIZE * SIZE }, (_, i) => colorOf(i % SIZE, Math.floor(i / SIZE)));
  return { width: SIZE, height: SIZE, rgb: Uint8Array.from(colors.flat()) };
}

/** The picture that models/tiny/make-image-pipelines.py begins with. */
export const tinyPicture = drawn((x, y) => [8 * x, 8 * y, 4 * (x + y)]);

/** The mask that it paints within. */
export const tinyMask = drawn((x, y) => {
  const gray = x > 12 && y < 20 ? 255 : 0;
  return [gray, gray, gray];
});

/** The lines that models/tiny/make-controlnet.py has its ControlNet follow. */
export const tinyControl = drawn((x, y) => {
  const gray = x % 8 === 3 || ((y === 8 || y === 24) && x > 4) ? 255 : 0;
  return [gray, gray, gray];
});
