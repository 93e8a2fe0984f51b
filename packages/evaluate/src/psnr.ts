import { checkSameSize, type RgbImage } from './rgb-image.js';

/**
 * Peak signal-to-noise ratio in dB over all channels, for a peak of 255; infinite for equal pictures.
 * @throws CacheQuantError `shape` when the pictures differ in size
 */
export function psnr(reference: RgbImage, image: RgbImage): number {
  checkSameSize('psnr', reference, image);
  const squares = reference.rgb.reduce((sum, value, i) => sum + (value - image.rgb[i]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / reference.rgb.length));
}
