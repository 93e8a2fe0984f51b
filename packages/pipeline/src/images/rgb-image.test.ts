import { describe, expect, it } from 'vitest';
import { floats } from '../__fixtures__/fake-session.js';
import { toRgba, toRgbImages } from './rgb-image.js';

describe('toRgbImages(pixels)', () => {
  it('interleaves the planes of every image', () => {
    const [first, second] = toRgbImages(floats([2, 3, 1, 2], -1, 1, 0.2, -1, 1, -1, 1, 1, 1, 1, 1, 1));
    expect(first).toEqual({ width: 2, height: 1, rgb: Uint8Array.of(0, 153, 255, 255, 0, 0) });
    expect([...second!.rgb]).toEqual([255, 255, 255, 255, 255, 255]);
  });

  it('clamps, and rounds halves to the even byte as numpy does', () => {
    // 2·(k + 0.5)/255 − 1 is not a float32 in general; these two come out at a half exactly.
    const half = (byte: number) => Math.fround((2 * (byte + 0.5)) / 255 - 1);
    const bytes = [...Array(255).keys()].filter((byte) => exactHalf(half(byte), byte));
    expect(bytes.length).toBeGreaterThan(10);
    const images = toRgbImages(floats([bytes.length, 1, 1, 1], ...bytes.map(half)));
    expect(images.map(({ rgb }) => rgb[0])).toEqual(bytes.map((byte) => (byte % 2 === 0 ? byte : byte + 1)));
    expect([...toRgbImages(floats([1, 3, 1, 1], -7, 7, Number.NaN))[0]!.rgb]).toEqual([0, 255, 0]);
  });

  it('repeats gray in all channels', () => {
    expect([...toRgbImages(floats([1, 1, 1, 1], 0.2))[0]!.rgb]).toEqual([153, 153, 153]);
  });

  it('refuses what is no picture', () => {
    expect(() => toRgbImages(floats([1, 4, 1, 1], 0, 0, 0, 0))).toThrow('got [1,4,1,1]');
  });
});

it('toRgba adds an opaque alpha channel', () => {
  expect([...toRgba({ width: 1, height: 2, rgb: Uint8Array.of(1, 2, 3, 4, 5, 6) })]).toEqual([
    1, 2, 3, 255, 4, 5, 6, 255,
  ]);
});

function exactHalf(value: number, byte: number): boolean {
  return Math.fround(Math.fround(Math.fround(value * 0.5) + 0.5) * 255) === byte + 0.5;
}
