import type { RgbImage } from '@cachequant/evaluate';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { MersenneTwister, type Runtime, type Tensor, TorchGenerator, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { loadDecoder, loadEncoder } from '../generate/generator-parts.js';
import { vaeConfigSchema } from '../model/component-configs.js';
import { loadGraph } from '../model/load-graph.js';
import { openModelFolder } from '../model/model-folder.js';
import { tileOf } from './decode-tiling.js';
import { vaeDecoder } from './latent-decoder.js';
import { toPixels } from './latent-encoder.js';

const SIDE = 256;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

/** Discs and boxes in plain colours on a ground that changes slowly, whose seams one would see. */
function scene(): RgbImage {
  const random = new MersenneTwister(3);
  const whole = (most: number) => random.nextUint32() % most;
  const rgb = new Uint8Array(3 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) rgb.set([180 + i / 1100, 220 - i / 730, 240], 3 * i);
  for (let shape = 0; shape < 40; shape++) {
    const [x, y, size] = [whole(SIDE), whole(SIDE), 6 + whole(30)];
    const colour = [whole(256), whole(256), whole(256)];
    for (let row = Math.max(0, y - size); row < Math.min(SIDE, y + size); row++) {
      for (let column = Math.max(0, x - size); column < Math.min(SIDE, x + size); column++) {
        const outside = shape % 2 === 0 && (row - y) ** 2 + (column - x) ** 2 > size ** 2;
        if (!outside) rgb.set(colour, 3 * (row * SIDE + column));
      }
    }
  }
  return { width: SIDE, height: SIDE, rgb };
}

/** Largest and mean difference in levels. */
function differences(a: RgbImage, b: RgbImage): { most: number; mean: number } {
  let [most, sum] = [0, 0];
  for (const [i, level] of a.rgb.entries()) {
    const difference = Math.abs(level - b.rgb[i]!);
    most = Math.max(most, difference);
    sum += difference;
  }
  return { most, mean: sum / a.rgb.length };
}

/** Mean step of the difference between two pictures from one column of pixels to the next, for every column. */
function steps(a: RgbImage, b: RgbImage): number[] {
  const { width, height } = a;
  const difference = (y: number, x: number, c: number) =>
    a.rgb[3 * (y * width + x) + c]! - b.rgb[3 * (y * width + x) + c]!;
  return Array.from({ length: width - 1 }, (_, x) => {
    let sum = 0;
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < 3; c++) sum += Math.abs(difference(y, x + 1, c) - difference(y, x, c));
    }
    return sum / (3 * height);
  });
}

function transposed({ width, height, rgb }: RgbImage): RgbImage {
  const turned = new Uint8Array(rgb.length);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    turned.set(rgb.subarray(3 * i, 3 * i + 3), 3 * (x * height + y));
  }
  return { width: height, height: width, rgb: turned };
}

async function decoded(model: string, latents: Tensor<'float32'>, decodeTile: number | 'never') {
  const decoder = await loadDecoder(await openModelFolder(modelStorage(model)), runtime, { decodeTile });
  try {
    return (await decoder.decode(latents))[0]!;
  } finally {
    await decoder.dispose();
  }
}

describe('a decoder that works in tiles', () => {
  let latents: Tensor<'float32'>;
  let whole: RgbImage;
  beforeAll(async () => {
    const encoder = await loadEncoder(await openModelFolder(modelStorage('emoji-sd')), runtime);
    latents = (await encoder.encode(toPixels(scene()))).sample(new TorchGenerator(0));
    await encoder.dispose();
    whole = await decoded('emoji-sd', latents, 'never');
  }, 60_000);

  it('makes the picture of the whole decoder of models/emoji-sd within a few levels, without steps at seams', async () => {
    const tiled = await decoded('emoji-sd', latents, 32);
    const { most, mean } = differences(tiled, whole);
    // Measured: 17 and 3.5. With diffusers' `enable_vae_tiling` it is 97 and 7.6 on the same latents.
    expect(most).toBeLessThanOrEqual(20);
    expect(mean).toBeLessThan(4);
    // Tiles of 32 latents begin at 0, 16 and 32, and are 128 pixels wide: their edges are at these columns and rows.
    for (const turned of [false, true]) {
      const all = turned ? steps(transposed(tiled), transposed(whole)) : steps(tiled, whole);
      const seams = [64, 128, 192].map((edge) => all[edge - 1]!);
      const usual = all.reduce((sum, step) => sum + step, 0) / all.length;
      for (const seam of seams) expect(seam).toBeLessThan(2 * usual);
      expect(Math.max(...seams)).toBeLessThan(Math.max(...all));
    }
  }, 60_000);

  it('is the whole decoder where the picture is no larger than a tile', async () => {
    expect(await decoded('emoji-sd', latents, 64)).toEqual(whole);
  }, 60_000);
});

it('loadDecoder with tiles makes the picture of models/fashion-sd, nearer than tiles with statistics of their own', async () => {
  const random = new TorchGenerator(5);
  const coarse = random.randn(4 * 8 * 8);
  const latents = tensor('float32', [1, 4, 64, 64]);
  for (let i = 0; i < latents.data.length; i++) {
    const [x, y, c] = [i % 64, Math.floor(i / 64) % 64, Math.floor(i / 4096)];
    latents.data[i] = coarse[(c * 8 + Math.floor(y / 8)) * 8 + Math.floor(x / 8)]!;
  }
  const whole = await decoded('fashion-sd', latents, 'never');
  const shared = differences(await decoded('fashion-sd', latents, 32), whole);
  expect(shared.most).toBeLessThanOrEqual(20);
  expect(shared.mean).toBeLessThan(3);
  const folder = await openModelFolder(modelStorage('fashion-sd'));
  const session = await loadGraph(runtime, folder.storage, folder.vaeDecoder!.model);
  const apart = vaeDecoder(session, folder.vaeDecoder!.config, { decodeTile: 32 });
  const own = differences((await apart.decode(latents))[0]!, whole);
  expect(own.mean).toBeGreaterThan(1.5 * shared.mean);
  await apart.dispose();
}, 60_000);

it.each([
  [7, 'the decoder cannot work in such tiles'],
  [12.5, 'expected a whole number of latents from 8, auto, or never'],
])('loadDecoder refuses tiles of %d before it loads anything', async (decodeTile, message) => {
  const folder = await openModelFolder(modelStorage('fashion-sd'));
  const nothing = { load: () => expect.unreachable() } as unknown as Runtime;
  await expect(loadDecoder(folder, nothing, { decodeTile })).rejects.toThrow(message);
});

describe('tileOf(input, config, tiling)', () => {
  const config = vaeConfigSchema.parse({ block_out_channels: [128, 256, 512, 512] });
  const open = { name: 'latent_sample', dtype: 'float32', dims: [null, 4, null, null] } as const;
  const fixed = { ...open, dims: [null, 4, 64, 64] } as const;

  it('decodes as a whole what takes up to 4 GiB, and larger pictures in tiles of 64 latents', () => {
    const tileFor = tileOf(open, config, 'auto');
    expect(tileFor(64, 64)).toBeUndefined();
    expect(tileFor(96, 128)).toBeUndefined();
    expect(tileFor(256, 256)).toEqual([64, 64]);
    expect(tileFor(32, 1024)).toEqual([32, 64]);
    expect(tileOf(open, config, 'never')(512, 512)).toBeUndefined();
  });

  it('decodes what is larger than the only size of a graph in tiles of that, and refuses smaller tiles', () => {
    const tileFor = tileOf(fixed, config, 'auto');
    expect(tileFor(64, 64)).toBeUndefined();
    expect(tileFor(64, 96)).toEqual([64, 64]);
    expect(tileFor(32, 64)).toBeUndefined();
    expect(tileOf(fixed, config, 64)(96, 64)).toEqual([64, 64]);
    expect(() => tileOf(fixed, config, 32)).toThrow('the graph of the decoder has a fixed size');
  });
});
