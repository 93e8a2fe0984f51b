import { ablationModel } from '../ablation/models/index.js';
import type { AblationResults, AblationRow } from '../ablation/results.js';
import { originalId } from '../ablation/rows.js';
import type { PublishedFamily, PublishedRow, Role } from './published.js';

/** One line of the comparison: a way to run a model, what the paper says of it, and what was measured here. */
export interface MergedRow {
  /** Absent for a row of the paper that has no counterpart here. */
  readonly role?: Role;
  readonly interval?: number | undefined;
  readonly published?: PublishedRow | undefined;
  readonly measured?: AblationRow | undefined;
}

/** Shown at every interval; the other roles where the paper has them. */
const ALWAYS: readonly Role[] = ['uniform', 'recipe', 'ours'];
const AT_INTERVAL: readonly Role[] = ['uniform', 'uniform-integers', 'planned-integers', 'recipe', 'ours'];

/**
 * The paper's rows and ours by role and interval: without a cache, then interval by interval, then what only the paper
 * has. Without a table of ours there are the paper's rows alone.
 */
export function mergeRows(
  { rows }: PublishedFamily,
  name: string,
  table: AblationResults | undefined,
): MergedRow[] {
  const measured = table ? measuredRows(name, table) : [];
  const find = (role: Role, interval?: number): MergedRow[] => {
    const [published, own] = [rows, measured].map((all) =>
      all.find((row) => row.role === role && row.interval === interval),
    ) as [PublishedRow | undefined, MeasuredRow | undefined];
    return published || own ? [{ role, interval, published, measured: own?.row }] : [];
  };
  const intervals = [...rows, ...measured]
    .filter(({ role, interval }) => role && role !== 'ours' && interval !== undefined)
    .map(({ interval }) => interval!);
  const merged = [
    ...find('original'),
    ...find('integers'),
    ...find('ours'),
    ...[...new Set(intervals)]
      .sort((a, b) => a - b)
      .flatMap((interval) =>
        AT_INTERVAL.flatMap((role) => find(role, interval)).filter(
          ({ role, published }) => ALWAYS.includes(role!) || published,
        ),
      ),
  ];
  return [...merged, ...rows.filter(({ role }) => !role).map((published) => rest(published))];
}

function rest(published: PublishedRow): MergedRow {
  return { interval: published.interval, published };
}

interface MeasuredRow {
  readonly role: Role;
  readonly interval?: number;
  readonly row: AblationRow;
}

/** Rows of the sampler and the number of steps that the paper's have too. */
function measuredRows(name: string, { rows }: AblationResults): MeasuredRow[] {
  const model = ablationModel(name);
  const { sampler, steps } = model.original;
  return rows
    .filter((row) => row.sampler === sampler && row.steps === steps)
    .flatMap((row) => {
      const role = row.id === originalId(model) ? 'original' : roleOf(row);
      if (!role) return [];
      return [{ role, row, ...(row.interval > 1 && { interval: row.interval }) }];
    });
}

function roleOf({ curve }: AblationRow): Role | undefined {
  if (curve === 'cachequant') return 'ours';
  if (curve === 'paper') return 'recipe';
  if (curve === 'uniform cache') return 'uniform';
  if (curve === 'uniform cache + int8') return 'uniform-integers';
  if (curve === 'DP cache + int8') return 'planned-integers';
  return curve.startsWith('int8, fewer steps') ? 'integers' : undefined;
}
