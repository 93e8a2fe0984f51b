import { describe, expect, it } from 'vitest';
import { psnr } from './psnr.js';
import type { RgbImage } from './rgb-image.js';
import { ssim } from './ssim.js';

/** A picture of smooth waves with some texture, the same at every run. */
function picture(size: number, change: (value: number, i: number) => number = (value) => value): RgbImage {
  const rgb = Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const wave = 128 + 80 * Math.sin(i / 17) + 20 * Math.cos(i * 1.7);
    return Math.min(255, Math.max(0, change(Math.round(wave), i)));
  });
  return { width: size, height: size, rgb };
}

describe('psnr(reference, image)', () => {
  it('is 20·log10(255 / error) for a constant error', () => {
    const image = picture(8, (value) => value + 5);
    expect(psnr(picture(8), image)).toBeCloseTo(20 * Math.log10(255 / 5), 10);
  });

  it('is infinite for equal pictures', () => {
    expect(psnr(picture(8), picture(8))).toBe(Number.POSITIVE_INFINITY);
  });

  it('refuses pictures of different sizes, and bytes that fill none', () => {
    expect(() => psnr(picture(8), picture(9))).toThrow('expected 8×8, got 9×9');
    expect(() => psnr(picture(8), { ...picture(8), width: 9 })).toThrow('216 bytes for 9×8');
  });
});

describe('ssim(reference, image)', () => {
  it('is 1 for equal pictures and falls with noise', () => {
    const noisy = (strength: number) => picture(32, (value, i) => value + strength * Math.sin(i * i));
    expect(ssim(picture(32), picture(32))).toBeCloseTo(1, 12);
    const [weak, strong] = [ssim(picture(32), noisy(10)), ssim(picture(32), noisy(60))];
    expect(weak).toBeLessThan(0.99);
    expect(strong).toBeLessThan(weak);
  });

  it('is the formula of the paper when a single window fits', () => {
    const [reference, image] = [picture(11), picture(11, (value, i) => value + 30 * Math.sin(i * i))];
    expect(ssim(reference, image)).toBeCloseTo(singleWindow(reference, image), 10);
  });

  it('sees only a change of luminance between two flat pictures', () => {
    const flat = (value: number) => picture(16, () => value);
    const c1 = (0.01 * 255) ** 2;
    const expected = (2 * 100 * 120 + c1) / (100 ** 2 + 120 ** 2 + c1);
    expect(ssim(flat(100), flat(120))).toBeCloseTo(expected, 10);
  });

  it('refuses pictures smaller than the window', () => {
    expect(() => ssim(picture(10), picture(10))).toThrow('expected 11×11 at least, got 10×10');
  });
});

/** Equation 13 of Wang et al., written out over the 121 weights of one window. */
function singleWindow(x: RgbImage, y: RgbImage): number {
  const weights = Array.from({ length: 121 }, (_, i) =>
    Math.exp(-(((i % 11) - 5) ** 2 + (Math.floor(i / 11) - 5) ** 2) / (2 * 1.5 ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (value: (i: number) => number) =>
    weights.reduce((sum, weight, i) => sum + (weight / total) * value(i), 0);
  const values = [0, 1, 2].map((channel) => {
    const [at, bt] = [(i: number) => x.rgb[i * 3 + channel]!, (i: number) => y.rgb[i * 3 + channel]!];
    const [ma, mb] = [mean(at), mean(bt)];
    const va = mean((i) => (at(i) - ma) ** 2);
    const vb = mean((i) => (bt(i) - mb) ** 2);
    const covariance = mean((i) => (at(i) - ma) * (bt(i) - mb));
    const [c1, c2] = [6.5025, 58.5225];
    return ((2 * ma * mb + c1) * (2 * covariance + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
  });
  return values.reduce((sum, value) => sum + value, 0) / 3;
}
