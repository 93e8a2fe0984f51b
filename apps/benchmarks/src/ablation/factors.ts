import { bootstrap95, meanOf, type RgbImage } from '@cachequant/evaluate';
import type { Factors } from './results.js';
import { FACTOR_GROUPS, factorId, ORIGINAL_ID } from './rows.js';
import { squaredErrors } from './scores.js';

/** What the quantization correction removes of the error that integers add, with and without the cache correction. */
export function factorsOf(pictures: ReadonlyMap<string, readonly RgbImage[]>, seeds: number): Factors[] {
  const reference = pictures.get(ORIGINAL_ID)?.slice(0, seeds) ?? [];
  const errorsOf = (id: string) => squaredErrors(reference, pictures.get(id) ?? []);
  return (['w8a8', 'w4a8'] as const).flatMap((bits) =>
    FACTOR_GROUPS.flatMap(({ interval, correction: cacheCorrection }) => {
      const columns = [
        errorsOf(factorId('float', cacheCorrection, 'none', interval)),
        errorsOf(factorId(bits, cacheCorrection, 'none', interval)),
        errorsOf(factorId(bits, cacheCorrection, 'smoothed', interval)),
      ];
      if (reference.length === 0 || columns.some(({ length }) => length < reference.length)) return [];
      const [float, integer, integerCorrected] = columns.map(meanOf) as [number, number, number];
      return [
        {
          interval,
          bits,
          cacheCorrection,
          float,
          integer,
          integerCorrected,
          excess: excess([float, integer]),
          excessInterval: bootstrap95(columns, excess),
          removed: removed([float, integer, integerCorrected]),
          removedInterval: bootstrap95(columns, removed),
        },
      ];
    }),
  );
}

function excess(means: readonly number[]): number {
  return means[1]! - means[0]!;
}

function removed(means: readonly number[]): number {
  return (means[1]! - means[2]!) / excess(means);
}
