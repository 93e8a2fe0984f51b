import { type Tensor, TorchGenerator, tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { decodeInTiles, tileShares, tileStarts } from './decode-tiles.js';

describe('tileStarts(length, tile)', () => {
  it.each([
    [64, 64, [0]],
    [10, 64, [0]],
    [96, 64, [0, 32]],
    [128, 64, [0, 32, 64]],
    [65, 64, [0, 1]],
    [100, 32, [0, 23, 45, 68]],
  ])('covers %i by tiles of %i', (length, tile, starts) => {
    expect(tileStarts(length, tile)).toEqual(starts);
  });

  it('covers every length with overlaps of a quarter at least that differ by 1 at most', () => {
    for (let tile = 8; tile <= 40; tile += 3) {
      for (let length = tile + 1; length < 5 * tile; length++) {
        const starts = tileStarts(length, tile);
        expect(starts[0]).toBe(0);
        expect(starts.at(-1)).toBe(length - tile);
        const steps = starts.slice(1).map((start, i) => start - starts[i]!);
        expect(Math.max(...steps)).toBeLessThanOrEqual(tile - Math.ceil(tile / 4));
        expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
      }
    }
  });
});

it('tileShares sum to 1 in every pixel, and change by no more than a step of the ramp between neighbours', () => {
  for (const [length, tile] of [
    [96, 64],
    [65, 64],
    [100, 32],
  ] as const) {
    const starts = tileStarts(length, tile);
    const sums = new Float64Array(length * 2);
    for (const [i, shares] of tileShares(starts, tile, 2).entries()) {
      for (const [at, share] of shares.entries()) {
        expect(share).toBeGreaterThanOrEqual(0);
        sums[starts[i]! * 2 + at]! += share;
        if (at > 0) expect(Math.abs(share - shares[at - 1]!)).toBeLessThanOrEqual(1 / (tile / 2) + 1e-6);
      }
      // A tile counts least at its edges within the picture.
      if (i > 0) expect(shares[0]).toBeLessThan(0.1);
    }
    for (const sum of sums) expect(sum).toBeCloseTo(1, 6);
  }
});

/** Twice as large, each pixel its latent, so that tiles know nothing of their edges. */
async function enlarged({ dims, data }: Tensor<'float32'>): Promise<Tensor<'float32'>> {
  const [batch, channels, height, width] = dims as [number, number, number, number];
  const pixels = tensor('float32', [batch, channels, 2 * height, 2 * width]);
  for (let i = 0; i < pixels.data.length; i++) {
    const x = Math.floor((i % (2 * width)) / 2);
    const y = Math.floor((Math.floor(i / (2 * width)) % (2 * height)) / 2);
    pixels.data[i] = data[(Math.floor(i / (4 * width * height)) * height + y) * width + x]!;
  }
  return pixels;
}

describe('decodeInTiles(latents, tiling, decode)', () => {
  const generator = new TorchGenerator(3);
  const latents = tensor('float32', [2, 3, 21, 50], Float32Array.from(generator.randn(2 * 3 * 21 * 50)));

  it.each([[[8, 8]], [[21, 16]], [[16, 50]]] as const)(
    'is what the decoder gives as a whole where that looks at no neighbours: tiles of %j',
    async (tile) => {
      const whole = await enlarged(latents);
      const shapes = new Set<string>();
      const tiled = await decodeInTiles(latents, { tile, factor: 2 }, (part) => {
        shapes.add(part.dims.join());
        return enlarged(part);
      });
      expect(tiled.dims).toEqual(whole.dims);
      expect([...shapes]).toEqual([`2,3,${tile[0]},${tile[1]}`]);
      for (const [i, value] of tiled.data.entries())
        expect(Math.abs(value - whole.data[i]!)).toBeLessThan(1e-5);
    },
  );

  it('gives up when a tile fails', async () => {
    const failing = decodeInTiles(latents, { tile: [8, 8], factor: 2 }, async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
  });
});
