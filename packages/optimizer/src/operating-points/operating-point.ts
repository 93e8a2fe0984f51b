/** One way to run the model, as it was measured on the calibration images. */
export interface OperatingPoint {
  readonly sampler: string;
  readonly steps: number;
  /** Network calls per refresh; 1 without a cache. */
  readonly interval: number;
  readonly bits: 'w8a8' | 'w4a8' | 'none';
  /** Decibels against the original's pictures, mean over the images. */
  readonly psnr: number;
  /** Of one image, from noise to picture; median. */
  readonly milliseconds: number;
}

/** What an operating point has to keep to; at least one of the two. */
export interface OperatingTarget {
  /** Milliseconds of one image, from noise to picture. */
  readonly maxLatency?: number | undefined;
  /** Decibels against the original's pictures. */
  readonly minPsnr?: number | undefined;
}

/** The points that no other one beats in both time and quality, fastest first. */
export function paretoPoints<P extends Pick<OperatingPoint, 'psnr' | 'milliseconds'>>(
  points: readonly P[],
): P[] {
  return points
    .filter(
      (point) =>
        !points.some(
          (other) =>
            other.milliseconds <= point.milliseconds &&
            other.psnr >= point.psnr &&
            (other.milliseconds < point.milliseconds || other.psnr > point.psnr),
        ),
    )
    .sort((a, b) => a.milliseconds - b.milliseconds);
}

/**
 * The point to take: of those that are fast enough, the best; with a floor alone, of those that are good enough, the
 * fastest. With both, the fastest that is good enough and fast enough.
 * @returns undefined when no point keeps to the target
 */
export function choosePoint<P extends Pick<OperatingPoint, 'psnr' | 'milliseconds'>>(
  points: readonly P[],
  { maxLatency = Number.POSITIVE_INFINITY, minPsnr }: OperatingTarget,
): P | undefined {
  const kept = paretoPoints(points).filter(
    ({ milliseconds, psnr }) => milliseconds <= maxLatency && psnr >= (minPsnr ?? Number.NEGATIVE_INFINITY),
  );
  return minPsnr === undefined ? kept.at(-1) : kept[0];
}
