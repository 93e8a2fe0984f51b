/** Times of the original and of the bundle, one after the other. */
export interface Pair {
  readonly originalMs: number;
  readonly bundleMs: number;
}

/** What pairs say together. */
export interface Ratio {
  /** The median of the pairs' ratios. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly pairs: number;
}

/** How many times as fast the bundle is; each pair is a ratio of its own, so that a device that slows down slows both. */
export function ratioOf(pairs: readonly Pair[]): Ratio {
  const ratios = pairs.map(({ originalMs, bundleMs }) => originalMs / bundleMs).sort((a, b) => a - b);
  const middle = Math.floor(ratios.length / 2);
  const median = ratios.length % 2 === 1 ? ratios[middle]! : (ratios[middle - 1]! + ratios[middle]!) / 2;
  return { median, least: ratios[0]!, most: ratios.at(-1)!, pairs: ratios.length };
}
