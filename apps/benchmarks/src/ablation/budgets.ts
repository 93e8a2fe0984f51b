import { interval95, type RgbImage } from '@cachequant/evaluate';
import { bestRow, rowsWithin } from './best-row.js';
import type { AblationModel } from './models/ablation-model.js';
import type { AblationRow, Budget } from './results.js';
import { CONVERGED, optimizeTries } from './rows.js';
import { psnrs } from './scores.js';

/** Times as fast as the original. */
export const SPEEDS = [2, 2.5, 3, 4, 5, 6] as const;

/** For every speed, the best of what `optimize` tries and the best of all other rows that are fast enough. */
export function budgetsOf(
  model: AblationModel,
  rows: readonly AblationRow[],
  pictures: ReadonlyMap<string, readonly RgbImage[]>,
  seeds: number,
): Budget[] {
  const converged = (pictures.get(CONVERGED.id) ?? []).slice(0, seeds);
  return SPEEDS.flatMap((speed) => {
    const fast = rowsWithin(rows, 1 / speed);
    const ours = bestRow(
      fast.filter((row) => optimizeTries(model, row)),
      'psnrConverged',
    );
    const rival = bestRow(
      fast.filter(({ curve }) => !NO_RIVALS.has(curve)),
      'psnrConverged',
    );
    if (!ours || !rival) return [];
    const [a, b] = [ours, rival].map(({ id }) => psnrs(converged, pictures.get(id)!));
    const interval = interval95(a!.map((value, i) => value - b![i]!));
    const [oursPsnr, rivalPsnr] = [ours.psnrConverged!, rival.psnrConverged!];
    return [{ speed, ours: ours.id, rival: rival.id, oursPsnr, rivalPsnr, interval }];
  });
}

const NO_RIVALS = new Set<AblationRow['curve']>([
  'cachequant',
  'reference',
  'factors',
  // Other weights, which have a solution of their own.
  'few-step student',
  'int8, few-step student',
]);
