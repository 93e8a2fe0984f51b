import { CacheQuantError } from '@cachequant/tensor';

/** 400 MB of float64. */
const MOST_ENTRIES = 50_000_000;

/** @throws CacheQuantError `invalid-argument` for a table that would take more memory than planning is worth */
export function requireModestTable(where: string, rows: number, columns: number, hint: string): void {
  if (rows * columns <= MOST_ENTRIES) return;
  throw new CacheQuantError('invalid-argument', 'the table would need too much memory', {
    where,
    expected: `at most ${MOST_ENTRIES} numbers`,
    got: `${rows} × ${columns}`,
    hint,
  });
}

export function requireDuration(where: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new CacheQuantError('invalid-argument', 'the value is not a duration', {
    where,
    expected: 'a positive number of milliseconds',
    got: String(value),
  });
}
