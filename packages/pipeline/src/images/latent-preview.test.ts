import { MersenneTwister, tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { fitLatentPreview, previewPicture } from './latent-preview.js';

const PLANTED = [
  [30, -12, 5, 128],
  [-8, 22, 3, 120],
  [4, 9, -25, 132],
];
const DIMS = [3, 4, 5] as const;

function latentsOf(images: number): Float32Array {
  const random = new MersenneTwister(3);
  return Float32Array.from({ length: images * 60 }, () => (random.nextUint32() / 2 ** 32) * 4 - 2);
}

/** A picture of twice the size whose pixels are the planted colours, apart from a pattern with the mean 0. */
function decode(latents: Float32Array) {
  const small = previewPicture(tensor('float32', [1, ...DIMS], latents), PLANTED);
  const rgb = Uint8Array.from({ length: 10 * 8 * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % 10, Math.floor(i / 30)];
    const value = small.rgb[(Math.floor(y / 2) * 5 + Math.floor(x / 2)) * 3 + (i % 3)]!;
    return value + (x % 2 === 0 ? 3 : -3);
  });
  return { width: 10, height: 8, rgb };
}

describe('fitLatentPreview', () => {
  it('finds the map that pictures were made with', () => {
    const latents = latentsOf(12);
    const pictures = Array.from({ length: 12 }, (_, i) => decode(latents.slice(i * 60, (i + 1) * 60)));
    const fitted = fitLatentPreview(latents, DIMS, pictures);
    for (const [k, row] of fitted.entries()) {
      for (const [c, value] of row.entries()) expect(Math.abs(value - PLANTED[k]![c]!)).toBeLessThan(0.5);
    }
  });

  it('gives finite numbers when a channel says nothing', () => {
    const latents = latentsOf(2).fill(0, 0, 20).fill(0, 60, 80);
    const fitted = fitLatentPreview(latents, DIMS, [decode(latents.slice(0, 60)), decode(latents.slice(60))]);
    expect(fitted.flat().every(Number.isFinite)).toBe(true);
  });

  it('refuses latents that are not those of the pictures', () => {
    expect(() => fitLatentPreview(latentsOf(2), DIMS, [decode(latentsOf(1))])).toThrow(/not those/);
  });
});

describe('previewPicture', () => {
  it('clamps colours, and refuses latents of other channels', () => {
    const latents = tensor('float32', [1, 1, 1, 2], Float32Array.of(-100, 100));
    const rows = [
      [10, 5],
      [0, 7],
      [-10, 5],
    ];
    expect([...previewPicture(latents, rows).rgb]).toEqual([0, 7, 255, 255, 7, 0]);
    expect(() => previewPicture(tensor('float32', [1, 2, 1, 1]), rows)).toThrow(/other latents/);
  });
});
