import { describe, expect, it } from 'vitest';
import { channelLayout, packChannels } from './channel-layout.js';

describe('channelLayout(dims)', () => {
  it.each([
    [[2, 4, 8, 6], { batch: 2, channels: 4, positions: 48, channelsLast: false }],
    [[2, 77, 5], { batch: 2, channels: 5, positions: 77, channelsLast: true }],
    [[3, 5], { batch: 3, channels: 5, positions: 1, channelsLast: true }],
  ])('%j', (dims, layout) => {
    expect(channelLayout(dims)).toEqual(layout);
  });

  it('rejects other ranks', () => {
    expect(() => channelLayout([4])).toThrowError(/\[B, C, H, W\].*got \[4\]/);
    expect(() => channelLayout([1, 2, 3, 4, 5])).toThrowError(/not a feature tensor/);
  });
});

describe('packChannels(features, layout)', () => {
  const features = Float32Array.from({ length: 12 }, (_, at) => at);

  it('makes every channel one run, images in order', () => {
    const layout = { batch: 2, channels: 2, positions: 3 };
    expect([...packChannels(features, { ...layout, channelsLast: false })]).toEqual([
      0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11,
    ]);
    expect([...packChannels(features, { ...layout, channelsLast: true })]).toEqual([
      0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11,
    ]);
  });
});
