import { MersenneTwister } from '@cachequant/tensor';

const RESAMPLES = 2000;

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Bootstrap interval of the mean that holds 95 % of 2,000 resamples; the same values give the same interval. */
export function interval95(values: readonly number[]): [number, number] {
  const generator = new MersenneTwister(95);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[generator.nextUint32() % values.length]!;
    return sum / values.length;
  }).sort((a, b) => a - b);
  return [means[Math.floor(RESAMPLES * 0.025)]!, means[Math.ceil(RESAMPLES * 0.975) - 1]!];
}
