/**
 * The bucket of each distance from −most to +most between two places: half of them for each direction, of these half
 * for the small distances, one each, and the others for ranges that grow by a factor; all beyond are in the last.
 * Source: Raffel et al., 2020, https://arxiv.org/abs/1910.10683, section 2.1, in the form of its code, in float32
 */
export function relativeBuckets(buckets: number, most: number): number[] {
  const half = buckets >> 1;
  const exact = half >> 1;
  const bucketOf = (distance: number): number => {
    if (distance < exact) return distance;
    const logarithm = Math.fround(Math.log(Math.fround(distance / exact)));
    const share = Math.fround(logarithm / Math.fround(Math.log(most / exact)));
    return Math.min(exact + Math.trunc(Math.fround(share * (half - exact))), half - 1);
  };
  return Array.from({ length: 2 * most + 1 }, (_, at) => {
    const distance = at - most;
    return bucketOf(Math.abs(distance)) + (distance > 0 ? half : 0);
  });
}
