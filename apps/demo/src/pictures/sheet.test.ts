import type { RgbImage } from '@cachequant/pipeline';
import { expect, test } from 'vitest';
import type { Drawn } from './draw-in-turn.js';
import { sheet } from './sheet.js';

const SIDE = 32;

function plain(value: number): RgbImage {
  return { width: SIDE, height: SIDE, rgb: new Uint8Array(3 * SIDE * SIDE).fill(value) };
}

const drawn: Drawn[] = Array.from({ length: 8 }, (_, i) => ({
  original: { picture: plain(50 + i), seconds: 4 },
  bundle: { picture: plain(110 + i), seconds: 1 },
}));
const prompts = drawn.map((_, i) => `${i}`);

/** The values of the pictures from left to right and top to bottom, by where one begins. */
function valuesOf({ width, height, rgb }: RgbImage): number[] {
  const at = (x: number, y: number) => (x < 0 || y < 0 ? 255 : rgb[3 * (y * width + x)]!);
  const found: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = at(x, y);
      if (value >= 50 && value < 120 && at(x - 1, y) !== value && at(x, y - 1) !== value) found.push(value);
    }
  }
  return found;
}

test('sheet puts the bundle’s pictures below the original’s, six prompts a block', () => {
  expect(valuesOf(sheet(prompts, drawn, { times: false }))).toEqual([
    ...[50, 51, 52, 53, 54, 55],
    ...[110, 111, 112, 113, 114, 115],
    ...[56, 57],
    ...[116, 117],
  ]);
});

test('sheet says the mean time of a picture beside the rows, or nothing of it', () => {
  const [timed, slower, plainRows] = [
    sheet(prompts, drawn, { times: true }),
    sheet(
      prompts,
      drawn.map((pair) => ({ ...pair, bundle: { ...pair.bundle, seconds: 2 } })),
      { times: true },
    ),
    sheet(prompts, drawn, { times: false }),
  ];
  expect(slower.rgb).not.toEqual(timed.rgb);
  expect(plainRows.width).toBeLessThan(timed.width);
});
