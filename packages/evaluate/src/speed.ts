import { MersenneTwister } from '@cachequant/tensor';
import { medianOf } from './statistics.js';

/** How much faster one way makes the same images than another. */
export interface Speed {
  /** Medians over the images. */
  readonly seconds: { readonly original: number; readonly optimized: number };
  /** The quotient of these two medians: what a reader gets who divides them. */
  readonly speedup: number;
  /** Holds 95 % of the quotients of resampled images; null for fewer than three. */
  readonly interval: readonly [number, number] | null;
  /**
   * Whether images of the same work took times so different that something else ran as well: the middle half of them
   * spreads over more than 15 % of the median.
   */
  readonly busy: boolean;
}

const RESAMPLES = 1000;
const LEAST_IMAGES = 3;
const STEADY_SPREAD = 0.15;

/**
 * The one number for speed: everywhere it is said, it is this.
 * @param original seconds for each image, in the order in which both were made in turn
 * @param optimized seconds for the same images
 */
export function speedOf(original: readonly number[], optimized: readonly number[]): Speed {
  const seconds = { original: medianOf(original), optimized: medianOf(optimized) };
  return {
    seconds,
    speedup: seconds.original / seconds.optimized,
    interval: original.length < LEAST_IMAGES ? null : quotientInterval(original, optimized),
    busy: spread(original) > STEADY_SPREAD || spread(optimized) > STEADY_SPREAD,
  };
}

/** Images are drawn in pairs, so that what slowed both at once slows both in a resample. */
function quotientInterval(original: readonly number[], optimized: readonly number[]): [number, number] {
  const generator = new MersenneTwister(95);
  const quotients = Array.from({ length: RESAMPLES }, () => {
    const drawn = original.map(() => generator.nextUint32() % original.length);
    return medianOf(drawn.map((i) => original[i]!)) / medianOf(drawn.map((i) => optimized[i]!));
  }).sort((a, b) => a - b);
  return [quotients[Math.floor(RESAMPLES * 0.025)]!, quotients[Math.ceil(RESAMPLES * 0.975) - 1]!];
}

function spread(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.length - 1;
  return (sorted[Math.ceil(last * 0.75)]! - sorted[Math.floor(last * 0.25)]!) / medianOf(values);
}
