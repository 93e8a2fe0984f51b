/** A factor and the array that it multiplies. */
export type Term = readonly [factor: number, values: Float32Array];

/**
 * The sum of the terms, element by element, in double precision.
 * A factor of exactly 0 leaves its term out, so that 0 · ∞ cannot arise.
 */
export function linearCombination(...terms: readonly Term[]): Float32Array {
  const length = terms[0]?.[1].length ?? 0;
  const sums = new Float64Array(length);
  for (const [factor, values] of terms) {
    if (factor === 0) continue;
    for (let i = 0; i < length; i++) sums[i]! += factor * values[i]!;
  }
  return Float32Array.from(sums);
}
