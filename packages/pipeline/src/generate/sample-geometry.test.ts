import { describe, expect, it } from 'vitest';
import { input } from '../__fixtures__/fake-session.js';
import { imageTokens, sampleGeometry, sampleShape } from './sample-geometry.js';

const FREE = input('sample', 'float32', ['B', 4, 'H', 'W']);
const FIXED = input('sample', 'float32', ['B', 4, 16, 24]);
const UNET = { in_channels: 4, sample_size: 64, down_block_types: ['a', 'b', 'c', 'd'] };

describe('sampleShape(geometry, width, height)', () => {
  const geometry = sampleGeometry(FREE, UNET, 8);

  it('is the trained size when nothing is asked for, or what is asked for', () => {
    expect(sampleShape(geometry, undefined, undefined)).toEqual([4, 64, 64]);
    expect(sampleShape(geometry, 768, undefined)).toEqual([4, 64, 96]);
    expect(sampleShape(geometry, 512, 320)).toEqual([4, 40, 64]);
  });

  it.each([
    [516, 'width: the model cannot make this size (expected a multiple of 64, got 516). The nearest is 512'],
    [520, 'got 520). The nearest is 512'],
    [8, 'got 8). The nearest is 64'],
  ])('refuses a width of %s, which four levels of a U-Net cannot halve', (width, message) => {
    expect(() => sampleShape(geometry, width, 512)).toThrow(message);
  });

  it('takes the size of a graph that has one alone', () => {
    const fixed = sampleGeometry(FIXED, UNET, 2);
    expect(sampleShape(fixed, undefined, undefined)).toEqual([4, 16, 24]);
    expect(sampleShape(fixed, 48, 32)).toEqual([4, 16, 24]);
    expect(() => sampleShape(fixed, 64, 32)).toThrow(
      'width: the graph has a fixed size (expected 48, got 64)',
    );
  });

  it.each([
    [8, 4, 'a picture to edit'],
    [5, 4, 'a depth map'],
    [7, 4, 'a small picture to enlarge'],
  ])('refuses %d channels where %d are predicted: %s', (channels, predicted, what) => {
    const sample = input('sample', 'float32', ['B', channels, 'H', 'W']);
    const config = { ...UNET, in_channels: channels, out_channels: predicted };
    for (const latents of [undefined, predicted]) {
      expect(() => sampleGeometry(sample, config, 8, latents)).toThrow(what);
    }
    const unsaid = input('sample', 'float32', ['B', 'C', 'H', 'W']);
    expect(() => sampleGeometry(unsaid, config, 8)).toThrow(what);
  });

  it('tells a model for inpainting by a mask and a second picture behind the noisy one', () => {
    const sample = input('sample', 'float32', ['B', 9, 'H', 'W']);
    const geometry = sampleGeometry(sample, { ...UNET, in_channels: 9, out_channels: 4 }, 8, 4);
    expect(geometry).toMatchObject({ channels: 4, further: 5 });
    expect(sampleShape(geometry, 512, 512)).toEqual([4, 64, 64]);
  });

  it('takes a denoiser that predicts variances too', () => {
    const sample = input('sample', 'float32', ['B', 3, 'H', 'W']);
    expect(sampleGeometry(sample, { ...UNET, in_channels: 3, out_channels: 6 }, 1).channels).toBe(3);
  });

  it('counts patches of a transformer', () => {
    const transformer = sampleGeometry(FREE, { in_channels: 4, sample_size: [16, 32], patch_size: 2 }, 1);
    expect(sampleShape(transformer, undefined, undefined)).toEqual([4, 16, 32]);
    expect(() => sampleShape(transformer, 15, 16)).toThrow('expected a multiple of 2');
  });

  it('wants a size where no file says one', () => {
    const unknown = sampleGeometry(FREE, {}, 8);
    expect(() => sampleShape(unknown, undefined, 64)).toThrow('the model does not state its size');
    expect(sampleShape(unknown, 64, 64)).toEqual([4, 8, 8]);
  });
});

describe('sampleGeometry', () => {
  it('refuses a sample whose channels make no picture', () => {
    expect(() => sampleGeometry(input('x', 'float32', ['B', 64]), {}, 8)).toThrow('[B, C, H, W]');
    expect(() => sampleGeometry(input('hidden_states', 'float32', ['B', 'L', 63]), {}, 8)).toThrow(
      'a multiple of 4',
    );
    expect(() => sampleGeometry(input('sample', 'float32', ['B', 'C', 8, 8]), {}, 8)).toThrow('[B,C,8,8]');
  });

  it('takes tokens for squares of latents', () => {
    const open = input('hidden_states', 'float32', ['B', 'L', 64]);
    const geometry = sampleGeometry(open, { patch_size: 1, sample_size: 128 }, 8, 16);
    expect(sampleShape(geometry, undefined, undefined)).toEqual([16, 128, 128]);
    expect(sampleShape(geometry, 512, 272)).toEqual([16, 34, 64]);
    expect(() => sampleShape(geometry, 520, 512)).toThrow('a multiple of 16');
    expect(imageTokens([16, 34, 64], open, { patch_size: 1 })).toBe(544);
  });

  it('takes a fixed number of tokens for the size that the model was made for', () => {
    const fixed = input('hidden_states', 'float32', ['B', 96, 64]);
    const geometry = sampleGeometry(fixed, { sample_size: [24, 16] }, 8, 16);
    expect(sampleShape(geometry, undefined, undefined)).toEqual([16, 24, 16]);
    expect(() => sampleShape(geometry, 192, 128)).toThrow('the graph has a fixed size');
    expect(() => sampleGeometry(fixed, { sample_size: 128 }, 8, 16)).toThrow('which size the tokens are');
  });
});
