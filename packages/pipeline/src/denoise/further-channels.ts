import { CacheQuantError, type Tensor, tensor } from '@cachequant/tensor';

/** What models take in further channels of their sample, by how many those are, for latents of 4 channels. */
const UNFED: Readonly<Record<number, string>> = {
  1: 'a depth map',
  3: 'a small picture to enlarge',
  4: 'a picture to edit',
};

/**
 * The name under which conditioning has what a model for inpainting takes behind the noisy channels, [B, 1 + C, H, W]: the
 * mask, and the latents of the picture without what it covers. Graphs whose sample has room for it get it there.
 */
export const FURTHER_CHANNELS = 'further_channels';

/** How a denoiser's sample is made up, in channels. */
export interface SampleChannels {
  /** Of the noisy sample. */
  readonly noisy: number;
  /** Of what is fed behind it and never changes: a mask and the latents of the masked picture, or nothing. */
  readonly further: number;
}

/**
 * Tells models for inpainting by the channels of their sample.
 * @param channels of the graph's sample
 * @param predicted channels of the latents, where that is known
 * @throws CacheQuantError `unsupported` for a sample that holds something which nothing here could fill
 */
export function sampleChannels(
  channels: number,
  predicted: number | undefined,
  where: string,
): SampleChannels {
  if (predicted === undefined || !(channels > predicted)) return { noisy: channels, further: 0 };
  // A mask, and as many channels as the latents have.
  if (channels === 2 * predicted + 1) return { noisy: predicted, further: predicted + 1 };
  const known = UNFED[channels - predicted];
  if (known === undefined) return { noisy: channels, further: 0 };
  throw new CacheQuantError('unsupported', `the denoiser also takes ${known}`, {
    where,
    expected: `${predicted} channels, the noisy sample alone, or ${2 * predicted + 1} with a mask and a masked picture`,
    got: `${channels} channels`,
    hint: 'Use a model that makes pictures from text or from nothing, or one for inpainting',
  });
}

/** The channels of [B, C, H, W] and [B, D, H, W], behind one another for each image. */
export function withChannels(first: Tensor<'float32'>, second: Tensor<'float32'>): Tensor<'float32'> {
  const [batch = 0, channels = 0, ...size] = first.dims;
  const joined = tensor('float32', [batch, channels + second.dims[1]!, ...size]);
  const [front, behind] = [first.data.length / batch, second.data.length / batch];
  for (let image = 0; image < batch; image++) {
    const at = image * (front + behind);
    joined.data.set(first.data.subarray(image * front, (image + 1) * front), at);
    joined.data.set(second.data.subarray(image * behind, (image + 1) * behind), at + front);
  }
  return joined;
}
