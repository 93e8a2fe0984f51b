import { describe, expect, it } from 'vitest';
import { fakeSession, floats, input } from '../__fixtures__/fake-session.js';
import { pixelDecoder, vaeDecoder } from './latent-decoder.js';

const CONFIG = {
  latent_channels: 3,
  block_out_channels: [8, 8, 8, 8],
  scaling_factor: 0.5,
  shift_factor: 0.25,
};

describe('vaeDecoder(session, config)', () => {
  it('decodes latents / scaling_factor + shift_factor', async () => {
    const session = fakeSession([input('latent_sample', 'float32', [])], ['sample'], (feeds) => ({
      sample: feeds.latent_sample!,
    }));
    const decoder = vaeDecoder(session, CONFIG);
    const [image] = await decoder.decode(floats([1, 3, 1, 1], -0.625, -0.125, 0.375));
    expect(session.runs[0]!.latent_sample).toEqual(floats([1, 3, 1, 1], -1, 0, 1));
    expect([...image!.rgb]).toEqual([0, 128, 255]);
    expect(decoder.factor).toBe(8);
  });

  it('feeds float16 where the graph wants it', async () => {
    const session = fakeSession([input('latent_sample', 'float16', [])], ['sample'], (feeds) => ({
      sample: feeds.latent_sample!,
    }));
    const [image] = await vaeDecoder(session, CONFIG).decode(floats([1, 3, 1, 1], 0.375, 0.375, 0.375));
    expect(session.runs[0]!.latent_sample).toMatchObject({ dtype: 'float16' });
    expect([...image!.rgb]).toEqual([255, 255, 255]);
  });
});

it('vaeDecoder refuses a graph that makes no pictures, and latents of other channels than it takes', () => {
  const session = (channels: number, latents: number) => ({
    ...fakeSession([input('latent_sample', 'float32', [null, latents, null, null])], [], () => ({})),
    outputs: [input('sample', 'float32', [null, channels, null, null])],
  });
  expect(() => vaeDecoder(session(8, 4), CONFIG)).toThrow('the decoder makes no pictures');
  const decoder = vaeDecoder(session(3, 4), CONFIG);
  decoder.requireChannels(4);
  expect(() => decoder.requireChannels(16)).toThrow('expected 16 channels, got 4');
  pixelDecoder().requireChannels(1);
  expect(() => pixelDecoder().requireChannels(2)).toThrow('the samples are not pictures');
});

it('pixelDecoder takes samples for pixels', async () => {
  const [image] = await pixelDecoder().decode(floats([1, 3, 1, 1], -1, 0.2, 1));
  expect([...image!.rgb]).toEqual([0, 153, 255]);
});
