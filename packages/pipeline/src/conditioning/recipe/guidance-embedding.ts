import { type Tensor, tensor } from '@cachequant/tensor';

/** Frequencies fall to this part of the first. */
const LOWEST = 10_000;

/**
 * [1, channels]: sines, then cosines, of 1000 · (scale − 1) at falling frequencies.
 *
 * Source: `get_guidance_scale_embedding` of diffusers.
 */
export function guidanceEmbedding(scale: number, channels: number): Tensor<'float32'> {
  const half = Math.floor(channels / 2);
  const embedding = tensor('float32', [1, channels]);
  const weight = Math.fround(1000 * Math.fround(scale - 1));
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(weight * Math.fround(LOWEST ** (-i / Math.max(1, half - 1))));
    embedding.data[i] = Math.sin(angle);
    embedding.data[half + i] = Math.cos(angle);
  }
  return embedding;
}
