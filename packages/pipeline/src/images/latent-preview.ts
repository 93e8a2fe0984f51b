import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Tensor } from '@cachequant/tensor';

/** A row for each of red, green, blue: weights of the latent channels, then an offset; in bytes, 0 to 255. */
export type LatentPreview = readonly (readonly number[])[];

/** Pulls weights of channels that say nothing towards 0; relative to the mean square of the latents. */
const RIDGE = 1e-4;

/**
 * Fits the affine map from latent channels to colours that explains decoded pictures best, by least squares over all
 * positions; a picture is averaged over the pixels of a latent position. Good enough to watch an image come about
 * without running the decoder.
 *
 * @param latents of all pictures, one behind another, [images, C, h, w]
 * @param dims [C, h, w]; pictures must be whole multiples of h and w
 * @throws CacheQuantError `shape` when the latents are not those of the pictures
 */
export function fitLatentPreview(
  latents: Float32Array,
  dims: readonly number[],
  pictures: readonly RgbImage[],
): LatentPreview {
  const [channels = 0, height = 0, width = 0] = dims;
  const plane = height * width;
  if (latents.length !== pictures.length * channels * plane || pictures.length === 0) {
    throw new CacheQuantError('shape', 'the latents are not those of the pictures', {
      where: 'fitLatentPreview',
      expected: `${pictures.length} times ${channels * plane} numbers`,
      got: String(latents.length),
    });
  }
  const size = channels + 1;
  const normal = new Float64Array(size * size);
  const targets = new Float64Array(size * 3);
  const row = new Float64Array(size).fill(1);
  for (const [image, picture] of pictures.entries()) {
    for (let at = 0; at < plane; at++) {
      for (let c = 0; c < channels; c++) row[c] = latents[(image * channels + c) * plane + at]!;
      const colour = meanColour(picture, at % width, Math.floor(at / width), width, height);
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) normal[i * size + j]! += row[i]! * row[j]!;
        for (let k = 0; k < 3; k++) targets[i * 3 + k]! += row[i]! * colour[k]!;
      }
    }
  }
  let trace = 0;
  for (let c = 0; c < channels; c++) trace += normal[c * size + c]!;
  for (let c = 0; c < channels; c++) normal[c * size + c]! += (RIDGE * trace) / channels;
  const solved = solve(normal, targets, size);
  return [0, 1, 2].map((k) => Array.from({ length: size }, (_, i) => solved[i * 3 + k]!));
}

/**
 * The colours of the first image of latents, one pixel a position.
 * @param latents [B, C, h, w]
 * @throws CacheQuantError `shape` when the preview is for another number of channels
 */
export function previewPicture({ dims, data }: Tensor<'float32'>, preview: LatentPreview): RgbImage {
  const [, channels = 0, height = 0, width = 0] = dims;
  if (preview.length !== 3 || preview.some((row) => row.length !== channels + 1)) {
    throw new CacheQuantError('shape', 'the preview is for other latents', {
      where: 'previewPicture',
      expected: `3 rows of ${channels + 1} numbers`,
      got: preview.map((row) => row.length).join(', '),
    });
  }
  const plane = height * width;
  const rgb = new Uint8Array(plane * 3);
  for (let at = 0; at < plane; at++) {
    for (const [k, row] of preview.entries()) {
      let value = row[channels]!;
      for (let c = 0; c < channels; c++) value += row[c]! * data[c * plane + at]!;
      rgb[at * 3 + k] = Math.round(Math.min(Math.max(value, 0), 255));
    }
  }
  return { width, height, rgb };
}

/** Mean over the pixels of one latent position. */
function meanColour(picture: RgbImage, x: number, y: number, width: number, height: number): number[] {
  const across = Math.floor(picture.width / width);
  const down = Math.floor(picture.height / height);
  const sums = [0, 0, 0];
  for (let dy = 0; dy < down; dy++) {
    for (let dx = 0; dx < across; dx++) {
      const pixel = (y * down + dy) * picture.width + x * across + dx;
      for (let k = 0; k < 3; k++) sums[k]! += picture.rgb[pixel * 3 + k]!;
    }
  }
  return sums.map((sum) => sum / (across * down));
}

/** Gaussian elimination with pivots; `matrix` [n, n] and `right` [n, 3] are overwritten, the solution is in `right`. */
function solve(matrix: Float64Array, right: Float64Array, n: number): Float64Array {
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column + 1; i < n; i++) {
      if (Math.abs(matrix[i * n + column]!) > Math.abs(matrix[pivot * n + column]!)) pivot = i;
    }
    swapRows(matrix, n, column, pivot);
    swapRows(right, 3, column, pivot);
    const head = matrix[column * n + column]! || Number.EPSILON;
    for (let i = 0; i < n; i++) {
      if (i === column) continue;
      const factor = matrix[i * n + column]! / head;
      for (let j = column; j < n; j++) matrix[i * n + j]! -= factor * matrix[column * n + j]!;
      for (let k = 0; k < 3; k++) right[i * 3 + k]! -= factor * right[column * 3 + k]!;
    }
  }
  return right.map((value, at) => value / (matrix[Math.floor(at / 3) * (n + 1)]! || Number.EPSILON));
}

function swapRows(values: Float64Array, width: number, a: number, b: number): void {
  if (a === b) return;
  const row = values.slice(a * width, (a + 1) * width);
  values.copyWithin(a * width, b * width, (b + 1) * width);
  values.set(row, b * width);
}
