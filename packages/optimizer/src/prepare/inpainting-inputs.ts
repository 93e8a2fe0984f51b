import type { Conditioning } from '@cachequant/pipeline';
import {
  FURTHER_CHANNELS,
  inpaintingChannels,
  type LatentEncoder,
  loadEncoder,
} from '@cachequant/pipeline/internals';
import { type Runtime, TorchGenerator } from '@cachequant/tensor';
import type { PreparedImage } from '../calibration-context.js';
import { calibrationPicture } from './calibration-pictures.js';
import type { EncodedImage } from './image-conditioning.js';
import type { PreparedSource } from './prepare-source.js';

/** Gives what a model for inpainting takes beside its noisy sample, for the image of a seed. */
export type InpaintingInputs = (seed: number) => Promise<Conditioning>;

type PreparedPictures = Pick<PreparedSource, 'folder' | 'further' | 'latentDims' | 'pictureSize'>;

/** Loads the model's encoder for as long as `use` takes; other models than those for inpainting are given nothing. */
export async function withInpaintingInputs<T>(
  { folder, further, latentDims, pictureSize }: PreparedPictures,
  runtime: Runtime,
  use: (inputs: InpaintingInputs) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (further === 0) return use(async () => ({}));
  const encoder: LatentEncoder = await loadEncoder(folder, runtime);
  try {
    return await use(async (seed) => {
      const { image, mask } = calibrationPicture(seed, pictureSize);
      const source = new TorchGenerator(seed);
      // As a request with this seed draws: first the noise of the sample, then the latents of the masked picture.
      source.randn(latentDims[0] * latentDims[1] * latentDims[2]);
      return { [FURTHER_CHANNELS]: await inpaintingChannels(image, mask, { encoder, source, signal }) };
    });
  } finally {
    await encoder.dispose();
  }
}

/** An image with another text, and what it takes beside the sample as before. */
export function withText(image: PreparedImage, { conditioning, unconditional }: EncodedImage): PreparedImage {
  const { inpainting } = image;
  return {
    ...image,
    conditioning: { ...conditioning, ...inpainting },
    unconditional: unconditional && { ...unconditional, ...inpainting },
  };
}
