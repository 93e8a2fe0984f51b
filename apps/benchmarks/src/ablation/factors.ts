import { bootstrap95, meanOf, type RgbImage } from '@cachequant/evaluate';
import type { AblationModel } from './models/ablation-model.js';
import type { Factors } from './results.js';
import { factorGroups, factorId, originalId } from './rows.js';
import { squaredErrors } from './scores.js';

/** What the quantization correction removes of the error that integers add, with and without the cache correction. */
export function factorsOf(
  model: AblationModel,
  pictures: ReadonlyMap<string, readonly RgbImage[]>,
  seeds: number,
): Factors[] {
  const reference = pictures.get(originalId(model))?.slice(0, seeds) ?? [];
  const errorsOf = (id: string) => squaredErrors(reference, pictures.get(id) ?? []);
  return (['w8a8', 'w4a8'] as const).flatMap((bits) =>
    factorGroups(model).flatMap((cell) => {
      const { interval, correction: cacheCorrection } = cell;
      const columns = [
        errorsOf(factorId(model, { ...cell, bits: 'float', outputs: 'none' })),
        errorsOf(factorId(model, { ...cell, bits, outputs: 'none' })),
        errorsOf(factorId(model, { ...cell, bits, outputs: 'smoothed' })),
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
