import type { RgbImage } from '@cachequant/evaluate';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { GLYPH, glyphPixel } from './bitmap-font.js';
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

/** Pixels that the letters of a text have. */
function inkOf(text: string): number {
  const places = Array.from({ length: GLYPH.width * GLYPH.height }, (_, at) => at);
  const ink = (letter: string) =>
    places.filter((at) => glyphPixel(letter, at % GLYPH.width, Math.floor(at / GLYPH.width))).length;
  return [...text].reduce((sum, letter) => sum + ink(letter), 0);
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

  it('writes labels above columns and beside rows, outside of the pictures, whose pixels stay', () => {
    const grey = { width: 40, height: 24, rgb: new Uint8Array(40 * 24 * 3).fill(128) };
    const options = {
      columnLabels: ['a photo of a red sneaker', 'b'],
      rowLabels: ['int8', 'CacheQuant\n4.1×'],
    };
    const plain = imageGrid([grey, grey, grey, grey], 2, { gap: 2 });
    const labelled = imageGrid([grey, grey, grey, grey], 2, { gap: 2, ...options });
    const [left, top] = [labelled.width - plain.width, labelled.height - plain.height];
    const table = rows(labelled);
    expect(table.slice(top).map((row) => row.slice(left))).toEqual(rows(plain));
    const inked = (cells: readonly (readonly number[])[]) =>
      cells.flat().filter((value) => value === 40).length;
    // Four lines of at most six letters above the first column; one letter above the second.
    expect(inked(table.slice(0, top).map((row) => row.slice(left, left + 40)))).toBe(
      inkOf('aphotoofared...'),
    );
    expect(inked(table.slice(0, top).map((row) => row.slice(left + 42)))).toBe(inkOf('b'));
    expect(inked(table.slice(top, top + 24).map((row) => row.slice(0, left)))).toBe(inkOf('int8'));
    expect(inked(table.slice(top + 26).map((row) => row.slice(0, left)))).toBe(inkOf('CacheQuant4.1x'));
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
