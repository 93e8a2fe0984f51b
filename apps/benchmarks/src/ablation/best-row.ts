import type { AblationRow } from './results.js';

/** The row with the highest PSNR of one kind; undefined where none has it. */
export function bestRow(
  rows: readonly AblationRow[],
  measure: 'psnr' | 'psnrConverged',
): AblationRow | undefined {
  return rows.filter((row) => row[measure] !== null).sort((a, b) => b[measure]! - a[measure]!)[0];
}

/** The rows that take no longer than a time, relative to the original. */
export function rowsWithin(rows: readonly AblationRow[], timeRatio: number | null): AblationRow[] {
  if (timeRatio === null) return [];
  return rows.filter((row) => row.timeRatio !== null && row.timeRatio <= timeRatio);
}
