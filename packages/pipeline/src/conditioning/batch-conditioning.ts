import type { Conditioning } from '../denoise/denoiser.js';
import { concatBatch } from '../denoise/guidance.js';

/**
 * Conditioning of several pictures as one batch.
 * @param each tensors [1, …] under the same names; at least one
 * @throws CacheQuantError `shape` when tensors of one name differ beyond their first dimension
 */
export function batchConditioning(each: readonly Conditioning[]): Conditioning {
  return each.reduce((first, second) =>
    Object.fromEntries(
      Object.entries(first).map(([name, value]) => [name, concatBatch(value, second[name]!)]),
    ),
  );
}
