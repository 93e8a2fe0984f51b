import { CacheQuantError, requireInteger } from '@cachequant/tensor';

/** Where the channels of a feature tensor are: [batch, channels, positions], or [batch, positions, channels]. */
export interface ChannelLayout {
  readonly batch: number;
  readonly channels: number;
  /** Height × width, or the length of a token sequence. */
  readonly positions: number;
  readonly channelsLast: boolean;
}

/**
 * Layout of a feature tensor: [B, C, H, W] has its channels second, [B, L, C] and [B, C] last.
 *
 * @throws CacheQuantError `shape` for any other rank
 */
export function channelLayout(dims: readonly number[]): ChannelLayout {
  const [batch = 0, second = 1, third = 1, fourth = 1] = dims;
  if (dims.length === 4) return { batch, channels: second, positions: third * fourth, channelsLast: false };
  if (dims.length === 3) return { batch, channels: third, positions: second, channelsLast: true };
  if (dims.length === 2) return { batch, channels: second, positions: 1, channelsLast: true };
  throw new CacheQuantError('shape', 'the value is not a feature tensor', {
    where: 'dims',
    expected: '[B, C, H, W], [B, L, C] or [B, C]',
    got: `[${dims.join(', ')}]`,
  });
}

/** Copies features into [channels, batch · positions], so that every channel is one contiguous run. */
export function packChannels(
  features: Float32Array,
  { batch, channels, positions, channelsLast }: ChannelLayout,
  packed: Float32Array = new Float32Array(features.length),
): Float32Array {
  const perChannel = batch * positions;
  for (let image = 0; image < batch; image++) {
    const start = image * channels * positions;
    for (let channel = 0; channel < channels; channel++) {
      const to = channel * perChannel + image * positions;
      if (channelsLast) {
        for (let at = 0; at < positions; at++) packed[to + at] = features[start + at * channels + channel]!;
      } else {
        const from = start + channel * positions;
        packed.set(features.subarray(from, from + positions), to);
      }
    }
  }
  return packed;
}

/** Checks that the features fill the layout. */
export function requireLayout(where: string, features: Float32Array, layout: ChannelLayout): void {
  requireInteger(`${where}: batch`, layout.batch, 1);
  requireInteger(`${where}: channels`, layout.channels, 1);
  requireInteger(`${where}: positions`, layout.positions, 1);
  const expected = layout.batch * layout.channels * layout.positions;
  if (features.length === expected) return;
  throw new CacheQuantError('shape', 'the tensor does not fill its layout', {
    where,
    expected: `batch × channels × positions = ${expected} values`,
    got: String(features.length),
  });
}
