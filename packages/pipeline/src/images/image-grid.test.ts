import type { RgbImage } from '@cachequant/evaluate';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { imageGrid } from './image-grid.js';
import { encodePng } from './png.js';

function pixel(value: number): RgbImage {
  return { width: 1, height: 1, rgb: Uint8Array.of(value, value, value) };
}

/** The red channel, row by row. */
function rows({ width, height, rgb }: RgbImage): number[][] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => rgb[(y * width + x) * 3]!),
  );
}

describe('imageGrid(images, columns, options)', () => {
  it('fills rows from the left and leaves the rest white', () => {
    expect(rows(imageGrid([1, 2, 3].map(pixel), 2))).toEqual([
      [1, 2],
      [3, 255],
    ]);
  });

  it('repeats pixels and puts a gap between pictures', () => {
    expect(rows(imageGrid([1, 2].map(pixel), 2, { gap: 1, scale: 2 }))).toEqual([
      [1, 1, 255, 2, 2],
      [1, 1, 255, 2, 2],
    ]);
  });

  it('is no wider than its pictures', () => {
    expect(imageGrid([pixel(1)], 4, { gap: 2 })).toEqual(pixel(1));
  });

  it('keeps the pixels of a picture in order', () => {
    const image = { width: 2, height: 2, rgb: Uint8Array.from({ length: 12 }, (_, i) => i) };
    expect(imageGrid([image], 1)).toEqual(image);
  });

  it('refuses no pictures, numbers that are not whole, and pictures of different sizes', () => {
    expect(() => imageGrid([], 1)).toThrow('there are no pictures');
    expect(() => imageGrid([pixel(1)], 0)).toThrow('columns is not a whole number');
    expect(() => imageGrid([pixel(1)], 1, { scale: 1.5 })).toThrow('scale is not a whole number');
    const wide = { width: 2, height: 1, rgb: new Uint8Array(6) };
    expect(() => imageGrid([pixel(1), wide], 1)).toThrow('differ in size');
  });
});

it('encodePng writes a file that holds the same pixels', () => {
  const image = { width: 3, height: 2, rgb: Uint8Array.from({ length: 18 }, (_, i) => i * 14) };
  const file = decode(encodePng(image));
  expect(file).toMatchObject({ width: 3, height: 2, channels: 3, depth: 8 });
  expect([...file.data]).toEqual([...image.rgb]);
});
