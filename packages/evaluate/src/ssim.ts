import { CacheQuantError } from '@cachequant/tensor';
import { checkSameSize, type RgbImage } from './rgb-image.js';

const WINDOW = 11;
const SIGMA = 1.5;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/**
 * Structural similarity: the mean over the three channels and all places where an 11×11 Gaussian window
 * (σ 1.5) fits whole; 1 for equal pictures.
 *
 * Source: Wang, Bovik, Sheikh and Simoncelli, Image Quality Assessment: From Error Visibility to Structural
 * Similarity, 2004, eq. 13, https://doi.org/10.1109/TIP.2003.819861. Differs: color, and no prior downscaling.
 * @throws CacheQuantError `shape` when the pictures differ in size or are smaller than the window
 */
export function ssim(reference: RgbImage, image: RgbImage): number {
  checkSameSize('ssim', reference, image);
  const { width, height } = reference;
  if (width < WINDOW || height < WINDOW) {
    throw new CacheQuantError('shape', 'the picture is smaller than the window', {
      where: 'ssim',
      expected: `${WINDOW}×${WINDOW} at least`,
      got: `${width}×${height}`,
    });
  }
  const channels = [0, 1, 2].map((channel) =>
    channelSsim(plane(reference, channel), plane(image, channel), width, height),
  );
  return channels.reduce((sum, value) => sum + value, 0) / channels.length;
}

function channelSsim(x: Float64Array, y: Float64Array, width: number, height: number): number {
  const blurred = (values: Float64Array) => blur(values, width, height);
  const meanX = blurred(x);
  const meanY = blurred(y);
  const squareX = blurred(x.map((value) => value * value));
  const squareY = blurred(y.map((value) => value * value));
  const product = blurred(x.map((value, i) => value * y[i]!));
  const total = meanX.reduce((sum, mx, i) => {
    const my = meanY[i]!;
    const varianceX = squareX[i]! - mx * mx;
    const varianceY = squareY[i]! - my * my;
    const covariance = product[i]! - mx * my;
    const luminance = (2 * mx * my + C1) / (mx * mx + my * my + C1);
    return sum + luminance * ((2 * covariance + C2) / (varianceX + varianceY + C2));
  }, 0);
  return total / meanX.length;
}

function plane({ rgb }: RgbImage, channel: number): Float64Array {
  return Float64Array.from({ length: rgb.length / 3 }, (_, pixel) => rgb[pixel * 3 + channel]!);
}

/** Gaussian means of all windows that fit whole: (width − 10) × (height − 10). */
function blur(values: Float64Array, width: number, height: number): Float64Array {
  const kernel = gaussian();
  const outWidth = width - WINDOW + 1;
  const outHeight = height - WINDOW + 1;
  const rows = Float64Array.from({ length: outWidth * height }, (_, i) => {
    const start = Math.floor(i / outWidth) * width + (i % outWidth);
    return kernel.reduce((sum, weight, k) => sum + weight * values[start + k]!, 0);
  });
  return Float64Array.from({ length: outWidth * outHeight }, (_, i) =>
    kernel.reduce((sum, weight, k) => sum + weight * rows[i + k * outWidth]!, 0),
  );
}

function gaussian(): number[] {
  const weights = Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * SIGMA ** 2)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
