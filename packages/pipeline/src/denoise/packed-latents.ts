import { CacheQuantError, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';

type Floats = Tensor<'float32'>;

/** Side of the squares of latents that are one token each. */
export const PACKED_SIDE = 2;

/** Whether a graph takes its sample as tokens [B, L, 4·C], which are squares of 2 × 2 latents. */
export function takesPackedLatents({ dims }: Pick<TensorInfo, 'dims'>): boolean {
  return dims.length === 3;
}

/** Channels of the latents that a graph's sample input declares; undefined where it leaves them open. */
export function declaredChannels(sampleInput: Pick<TensorInfo, 'dims'>): number | undefined {
  const isPacked = takesPackedLatents(sampleInput);
  const channels = sampleInput.dims[isPacked ? 2 : 1];
  return typeof channels === 'number' ? channels / (isPacked ? PACKED_SIDE ** 2 : 1) : undefined;
}

/**
 * Latents [B, C, H, W] as the tokens [B, H/2 · W/2, 4·C] of a graph that takes those; a square's elements lie together,
 * channel by channel.
 *
 * Source: Black Forest Labs, Flux, https://github.com/black-forest-labs/flux.
 */
export function packLatents(latents: Floats): Floats {
  const packed = tensor('float32', packedDims(latents.dims));
  forEachPlace(latents.dims, (place, token) => {
    packed.data[token] = latents.data[place]!;
  });
  return packed;
}

/** The dims of latents [B, C, H, W] as tokens. */
export function packedDims(latents: readonly number[]): number[] {
  const [batch, channels, height, width] = latents as [number, number, number, number];
  return [batch, (height / PACKED_SIDE) * (width / PACKED_SIDE), channels * PACKED_SIDE ** 2];
}

/**
 * What a graph predicts for latents, in their form: tokens become the latents that they were packed of.
 * @param dims of the latents, [B, C, H, W]
 * @throws CacheQuantError `shape` when there are more or fewer elements than the latents have
 */
export function unpackedPrediction(prediction: Floats, dims: readonly number[]): Floats {
  if (prediction.dims.length !== 3) return prediction;
  const unpacked = tensor('float32', dims);
  if (unpacked.data.length !== prediction.data.length) {
    throw new CacheQuantError('shape', 'the tokens are not those of the latents', {
      where: 'denoiser output',
      expected: `${unpacked.data.length} numbers, of latents [${dims}]`,
      got: `[${prediction.dims}]`,
    });
  }
  forEachPlace(dims, (place, token) => {
    unpacked.data[place] = prediction.data[token]!;
  });
  return unpacked;
}

/** Tells for each element of latents where it lies among the tokens. */
function forEachPlace(dims: readonly number[], visit: (place: number, token: number) => void): void {
  const [batch, channels, height, width] = dims as [number, number, number, number];
  const across = width / PACKED_SIDE;
  let place = 0;
  for (let image = 0; image < batch; image++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const square = (image * height) / 2 + (y >> 1);
          const token = square * across + (x >> 1);
          visit(place++, (token * channels + channel) * PACKED_SIDE ** 2 + (y & 1) * PACKED_SIDE + (x & 1));
        }
      }
    }
  }
}
