import { CacheQuantError } from '@cachequant/tensor';

/** What models take in further channels of their sample, by how many those are, for latents of 4 channels. */
const KNOWN: Readonly<Record<number, string>> = {
  1: 'a depth map',
  3: 'a small picture to enlarge',
  4: 'a picture to edit',
  5: 'a mask and the masked picture: it is a model for inpainting',
};

/**
 * Refuses a denoiser whose sample holds more than the noisy latents, which nothing here could fill.
 * @param channels of the graph's sample
 * @param predicted channels of the latents, where that is known
 * @throws CacheQuantError `unsupported`
 */
export function refuseFurtherChannels(channels: number, predicted: number | undefined, where: string): void {
  if (predicted === undefined || !(channels > predicted)) return;
  const known = KNOWN[channels - predicted];
  if (known === undefined) return;
  throw new CacheQuantError('unsupported', `the denoiser also takes ${known}`, {
    where,
    expected: `${predicted} channels, the noisy sample alone`,
    got: `${channels} channels`,
    hint: 'Use a model that makes pictures from text or from nothing',
  });
}
