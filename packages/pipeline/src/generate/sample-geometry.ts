import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import { sampleChannels } from '../denoise/further-channels.js';
import { declaredChannels, PACKED_SIDE, takesPackedLatents } from '../denoise/packed-latents.js';
import type { DenoiserConfig } from '../model/component-configs.js';

/** Which picture sizes a model can make. */
export interface SampleGeometry {
  /** Of the noisy sample. */
  readonly channels: number;
  /** Channels that the network takes behind those: a mask and the latents of the masked picture, or none. */
  readonly further: number;
  /** Pixels per element of the sample in each direction. */
  readonly factor: number;
  /** Elements by which the sample's height and width must be divisible. */
  readonly granularity: number;
  /** The sample's [height, width] that the model was trained for, where its files say. */
  readonly native: readonly [number, number] | undefined;
  /** [height, width] where the graph's are fixed. */
  readonly fixed: readonly [number | undefined, number | undefined];
}

/** Pixels of the longest side; a decoder would need tens of gigabytes for more. */
export const LARGEST_PICTURE = 16_384;

/**
 * Which sizes a model can make, from its graph's sample input and its configuration.
 * @param sampleInput the denoiser's input [B, C, H, W]
 * @param factor pixels per latent
 * @param latentChannels that the decoder takes; undefined where samples are pixels
 * @throws CacheQuantError `unsupported` where the channels of the sample make no picture, or holds what nothing here
 * fills
 */
export function sampleGeometry(
  sampleInput: TensorInfo,
  config: DenoiserConfig,
  factor: number,
  latentChannels?: number,
): SampleGeometry {
  if (takesPackedLatents(sampleInput)) return packedGeometry(sampleInput, config, factor, latentChannels);
  const [, , ...size] = sampleInput.dims;
  const channels = declaredChannels(sampleInput) ?? config.in_channels;
  if (sampleInput.dims.length !== 4 || typeof channels !== 'number') {
    throw new CacheQuantError('unsupported', 'the channels of the sample make no picture', {
      where: `denoiser input ${sampleInput.name}`,
      expected: '[B, C, H, W]',
      got: `[${sampleInput.dims}]`,
    });
  }
  const where = `denoiser input ${sampleInput.name}`;
  const { noisy, further } = sampleChannels(
    channels,
    latentChannels ?? config.out_channels ?? undefined,
    where,
  );
  const [height, width] = size.map((dim) => (typeof dim === 'number' ? dim : undefined));
  return {
    channels: noisy,
    further,
    factor,
    granularity:
      config.patch_size ??
      config.size_multiple ??
      2 ** Math.max(0, (config.down_block_types?.length ?? 1) - 1),
    native: nativeSize(config, height, width),
    fixed: [height, width],
  };
}

/** Of latents that a graph takes as tokens; with a fixed number of them it has one size, the model's own. */
function packedGeometry(
  { name, dims }: TensorInfo,
  config: DenoiserConfig,
  factor: number,
  latentChannels: number | undefined,
): SampleGeometry {
  const channels = declaredChannels({ dims }) ?? latentChannels;
  const where = `denoiser input ${name}`;
  if (channels === undefined || !Number.isInteger(channels)) {
    throw new CacheQuantError('unsupported', 'the sample is no picture of known channels', {
      where,
      expected: `[B, L, C], C a multiple of ${PACKED_SIDE ** 2}`,
      got: `[${dims}]`,
    });
  }
  const { noisy, further } = sampleChannels(channels, latentChannels, where);
  const native = nativeSize(config, undefined, undefined);
  const [, tokens] = dims;
  const isOwn = native !== undefined && tokens === (native[0] * native[1]) / PACKED_SIDE ** 2;
  if (typeof tokens === 'number' && !isOwn) {
    throw new CacheQuantError('unsupported', 'nothing says which size the tokens are', {
      where,
      expected: 'an open number of tokens',
      got: `[${dims}]`,
      hint: 'Export the model with dynamic sizes.',
    });
  }
  const fixed = typeof tokens === 'number' ? native! : ([undefined, undefined] as const);
  return { channels: noisy, further, factor, granularity: PACKED_SIDE, native, fixed };
}

/**
 * Tokens that a picture is in the network.
 * @param shape of its latents, [C, H, W]
 */
export function imageTokens(
  [, height, width]: readonly [number, number, number],
  sampleInput: TensorInfo,
  { patch_size: patch }: Pick<DenoiserConfig, 'patch_size'>,
): number {
  const side = takesPackedLatents(sampleInput) ? PACKED_SIDE : (patch ?? 1);
  return Math.floor(height / side) * Math.floor(width / side);
}

function nativeSize(
  { sample_size: size }: DenoiserConfig,
  height: number | undefined,
  width: number | undefined,
): readonly [number, number] | undefined {
  if (height !== undefined && width !== undefined) return [height, width];
  if (typeof size === 'number') return [size, size];
  return size ?? undefined;
}

/**
 * The sample's shape [C, H, W] for a picture.
 * @param width of the picture in pixels; left out: as the model was trained
 * @throws CacheQuantError `invalid-argument` for a size that the model cannot make
 */
export function sampleShape(
  geometry: SampleGeometry,
  width: number | undefined,
  height: number | undefined,
): [number, number, number] {
  const { channels, native, fixed } = geometry;
  return [
    channels,
    checkedLength('height', height, geometry, native?.[0], fixed[0]),
    checkedLength('width', width, geometry, native?.[1], fixed[1]),
  ];
}

function checkedLength(
  where: string,
  pixels: number | undefined,
  { factor, granularity }: SampleGeometry,
  native: number | undefined,
  fixed: number | undefined,
): number {
  const length = pixels === undefined ? native : pixels / factor;
  if (pixels !== undefined && pixels > LARGEST_PICTURE) {
    throw new CacheQuantError('invalid-argument', 'the picture is too large', {
      where,
      expected: `at most ${LARGEST_PICTURE} pixels`,
      got: String(pixels),
    });
  }
  if (length === undefined) {
    throw new CacheQuantError('invalid-argument', 'the model does not state its size', {
      where,
      expected: `a multiple of ${factor * granularity}`,
    });
  }
  if (fixed !== undefined && length !== fixed) {
    throw new CacheQuantError('invalid-argument', 'the graph has a fixed size', {
      where,
      expected: String(fixed * factor),
      got: String(pixels),
    });
  }
  if (fixed === undefined && !(Number.isInteger(length / granularity) && length > 0)) {
    const step = factor * granularity;
    const nearest = Math.max(step, Math.round((length * factor) / step) * step);
    throw new CacheQuantError('invalid-argument', 'the model cannot make this size', {
      where,
      expected: `a multiple of ${step}`,
      got: String(length * factor),
      hint: `The nearest is ${nearest}`,
    });
  }
  return length;
}
