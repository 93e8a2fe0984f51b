import { MersenneTwister } from '@cachequant/tensor';

const RESAMPLES = 2000;

/** The arithmetic mean; NaN of no values. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle of the sorted values, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Bootstrap interval of the mean that holds 95 % of 2,000 resamples; the same values give the same interval. */
export function interval95(values: readonly number[]): [number, number] {
  return bootstrap95([values], ([mean]) => mean!);
}

/**
 * Bootstrap interval of a statistic of means over the same images, which are drawn together: it holds 95 % of 2,000
 * resamples.
 * @param columns equally long, one value for each image
 */
export function bootstrap95(
  columns: readonly (readonly number[])[],
  statistic: (means: readonly number[]) => number,
): [number, number] {
  const generator = new MersenneTwister(95);
  const count = columns[0]!.length;
  const results = Array.from({ length: RESAMPLES }, () => {
    const sums = columns.map(() => 0);
    for (let i = 0; i < count; i++) {
      const image = generator.nextUint32() % count;
      for (const [column, values] of columns.entries()) sums[column]! += values[image]!;
    }
    return statistic(sums.map((sum) => sum / count));
  }).sort((a, b) => a - b);
  return [results[Math.floor(RESAMPLES * 0.025)]!, results[Math.ceil(RESAMPLES * 0.975) - 1]!];
}
