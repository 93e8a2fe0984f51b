import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MODELS } from '../paths.js';

const referenceSchema = z.object({
  count: z.int(),
  realImages: z.record(z.string(), z.unknown()),
});

/** Fréchet distance that real pictures have to the real pictures of the reference. */
export interface Floor {
  /** Of the pictures that were measured. */
  readonly count: number;
  readonly distance: number;
}

/** The floors that an evaluator's reference knows, by rising count. */
export async function readFloors(evaluator: string): Promise<Floor[]> {
  const file = path.join(MODELS, evaluator, 'reference.json');
  return floorsOf(JSON.parse(await readFile(file, 'utf8')));
}

export function floorsOf(reference: unknown): Floor[] {
  const { count, realImages } = referenceSchema.parse(reference);
  return Object.entries(realImages)
    .flatMap(([key, distance]) => {
      const other = /^frechetDistanceOfOther(\d+)RealImages$/.exec(key);
      if (typeof distance !== 'number') return [];
      if (other) return [{ count: Number(other[1]), distance }];
      return key === 'frechetDistanceBetweenHalves' ? [{ count: count / 2, distance }] : [];
    })
    .sort((a, b) => a.count - b.count);
}

/** The floor of as many pictures, or of the next number of them that is known: no fewer, if there is one. */
export function floorFor(floors: readonly Floor[], count: number): Floor | undefined {
  return floors.find((floor) => floor.count >= count) ?? floors.at(-1);
}
