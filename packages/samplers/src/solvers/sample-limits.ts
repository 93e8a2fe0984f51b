/** How predicted clean samples are kept within the range of the data. */
export interface SampleLimits {
  readonly thresholding: boolean;
  readonly dynamic_thresholding_ratio: number;
  readonly sample_max_value: number;
  readonly clip_sample?: boolean;
  readonly clip_sample_range?: number;
}

/** Applies dynamic thresholding (image by image) or clipping, whichever the configuration asks for. */
export function limitSample(cleanSample: Float32Array, limits: SampleLimits, images: number): Float32Array {
  if (limits.thresholding) return thresholdImages(cleanSample, limits, images);
  if (limits.clip_sample === true) return clip(cleanSample, limits.clip_sample_range ?? 1);
  return cleanSample;
}

/** Keeps every value within ±range. */
export function clip(values: Float32Array, range: number): Float32Array {
  return values.map((value) => Math.min(Math.max(value, -range), range));
}

/**
 * Clips each image at a high quantile s of its absolute values, and divides it by s.
 * Source: Saharia et al., Imagen, section 2.3, https://arxiv.org/abs/2205.11487.
 */
function thresholdImages(values: Float32Array, limits: SampleLimits, images: number): Float32Array {
  const result = new Float32Array(values.length);
  const size = values.length / images;
  for (let start = 0; start < values.length; start += size) {
    const image = values.subarray(start, start + size);
    const quantile = quantileOf(image.map(Math.abs), limits.dynamic_thresholding_ratio);
    const threshold = Math.min(Math.max(quantile, 1), limits.sample_max_value);
    result.set(
      clip(image, threshold).map((value) => value / threshold),
      start,
    );
  }
  return result;
}

function quantileOf(values: Float32Array, ratio: number): number {
  const sorted = values.sort();
  const position = ratio * (sorted.length - 1);
  const low = sorted[Math.floor(position)]!;
  const high = sorted[Math.ceil(position)]!;
  return low + (high - low) * (position - Math.floor(position));
}
