import path from 'node:path';
import { bestRow, rowsWithin } from './best-row.js';
import { SPEEDS } from './budgets.js';
import { ablationModel } from './models/index.js';
import type { AblationResults, AblationRow } from './results.js';
import { optimizeTries } from './rows.js';

/** What winners are found in. */
type Compared = Pick<AblationResults, 'model' | 'budgets' | 'differences'> & {
  readonly rows: readonly AblationRow[];
};

/** Who competes: what the cache and the integers of this project make of a model, and its rivals. */
export const SIDES = ['ours', 'no cache', "the paper's recipe", 'plain cache'] as const;

export type Side = (typeof SIDES)[number];

/** The best row of each side that is fast enough, and the best of all. */
export interface Winner {
  /** Times as fast as the original. */
  readonly speed: number;
  readonly best: Readonly<Partial<Record<Side, AblationRow>>>;
  readonly side: Side;
  readonly row: AblationRow;
  /** The best rival where ours wins, else the best of ours; undefined where nothing of that side is fast enough. */
  readonly beaten: AblationRow | undefined;
  /** By which the winner is nearer to the converged solution, in decibels: a difference of means over the same seeds. */
  readonly margin: number | undefined;
  /** 95 % interval of the difference paired by seed, where the table has one for this pair. */
  readonly interval: readonly [number, number] | undefined;
  /** Whether `optimize` chooses among rows like the winner. */
  readonly optimizeTries: boolean;
}

/**
 * Who is nearest to the converged solution in the time of each speed. A speed that no row reaches is left out, so that
 * a table without times, or without the converged solution, has no winners.
 */
export function winnersOf(results: Compared): Winner[] {
  const model = ablationModel(path.basename(results.model));
  return SPEEDS.flatMap((speed) => {
    const fast = rowsWithin(results.rows, 1 / speed);
    const best: Partial<Record<Side, AblationRow>> = {};
    for (const side of SIDES) {
      const row = bestRow(
        fast.filter((each) => sideOf(each) === side),
        'psnrConverged',
      );
      if (row) best[side] = row;
    }
    const row = bestRow(Object.values(best), 'psnrConverged');
    if (!row) return [];
    const side = sideOf(row)!;
    const rivals = SIDES.filter((each) => each !== 'ours').flatMap((each) => best[each] ?? []);
    const beaten = side === 'ours' ? bestRow(rivals, 'psnrConverged') : best.ours;
    return [
      {
        speed,
        best,
        side,
        row,
        beaten,
        margin: beaten && row.psnrConverged! - beaten.psnrConverged!,
        interval: beaten && pairedInterval(results, row.id, beaten.id),
        optimizeTries: optimizeTries(model, row),
      },
    ];
  });
}

/** Undefined for the converged solution, and for the cells of the factorial. */
function sideOf({ curve }: AblationRow): Side | undefined {
  if (curve === 'cachequant') return 'ours';
  if (curve === 'paper') return "the paper's recipe";
  if (curve.includes('fewer steps')) return 'no cache';
  return curve.includes('cache') ? 'plain cache' : undefined;
}

function pairedInterval(
  { budgets, differences }: Compared,
  better: string,
  worse: string,
): readonly [number, number] | undefined {
  const pairs = [
    ...budgets.map(({ ours, rival, interval }) => ({ better: ours, worse: rival, interval })),
    ...differences.filter(({ measure }) => measure === 'psnrConverged'),
  ];
  const same = pairs.find((pair) => pair.better === better && pair.worse === worse);
  if (same) return same.interval;
  const opposite = pairs.find((pair) => pair.better === worse && pair.worse === better);
  return opposite && [-opposite.interval[1], -opposite.interval[0]];
}
