import type { AblationModel } from './models/ablation-model.js';
import type { CacheChoice, ChosenRow } from './results.js';

/** A search is a lever of its own. */
type AskedCache = CacheChoice & { readonly schedule: Exclude<CacheChoice['schedule'], 'search'> };

/** One way to make pictures that the ablation compares. */
export type RowSpec = Pick<
  ChosenRow,
  'id' | 'curve' | 'sampler' | 'steps' | 'interval' | 'bits' | 'rounding'
> & {
  /** How its cache works; undefined where every call is a full one. */
  readonly cache?: AskedCache;
};

/** Whether `optimize` chooses among this as well: rows without a cache too, which it leaves out where none pays. */
export function optimizeTries(
  model: AblationModel,
  { curve, sampler, steps, interval, bits }: Omit<RowSpec, 'cache'>,
): boolean {
  if (curve === 'cachequant') return true;
  const tried = model.best.some(([name, count]) => name === sampler && count === steps);
  return interval === 1 && bits !== 'w4a8' && curve !== 'reference' && (tried || isFast(sampler, steps));
}

const isFast = (sampler: string, steps: number): boolean =>
  sampler === 'dpm-solver++' && (steps === 15 || steps === 10);

/** The solution that all samplers approach, from the same noise to the same end. */
export const CONVERGED: RowSpec = {
  id: 'converged',
  curve: 'reference',
  sampler: 'ddim',
  steps: 500,
  interval: 1,
  bits: 'float',
};

/** The model as it is usually run. */
export function originalId({ original }: AblationModel): string {
  return `float-${original.sampler}-${original.steps}`;
}

/** Every row of the table. */
export function ablationRows(model: AblationModel): RowSpec[] {
  return [
    CONVERGED,
    ...fewerSteps(model),
    ...studentRows(model),
    ...cacheRows(model),
    ...factorial(model),
    ...bestRows(model),
  ];
}

function fewerSteps({ steps }: AblationModel): RowSpec[] {
  return (Object.keys(steps) as (keyof typeof steps)[]).flatMap((sampler) =>
    (['float', 'w8a8'] as const).flatMap((bits) =>
      steps[sampler]!.map((count) =>
        plainRow(
          sampler,
          count,
          bits,
          `${bits === 'float' ? 'fewer steps' : 'int8, fewer steps'}, ${sampler}`,
        ),
      ),
    ),
  );
}

/** Without a cache. */
export function plainRow(
  sampler: RowSpec['sampler'],
  steps: number,
  bits: RowSpec['bits'],
  curve: RowSpec['curve'],
): RowSpec {
  return { id: `${bits}-${sampler}-${steps}`, curve, sampler, steps, interval: 1, bits };
}

/** Calibration plans refreshes too, for which fewer calls leave no room. */
const LEAST_CALIBRATED = 4;

function studentRows({ student }: AblationModel): RowSpec[] {
  if (student === undefined) return [];
  const { sampler, steps } = student;
  return (['float', 'w8a8'] as const).flatMap((bits) =>
    steps
      .filter((count) => bits === 'float' || count >= LEAST_CALIBRATED)
      .map((count) =>
        plainRow(sampler, count, bits, bits === 'float' ? 'few-step student' : 'int8, few-step student'),
      ),
  );
}

/** Whether a row runs the model's few-step student in place of the model. */
export function isStudent({ curve }: Pick<RowSpec, 'curve'>): boolean {
  return curve === 'few-step student' || curve === 'int8, few-step student';
}

/** Uniform and planned refreshes with plain reuse, alone and with integers, and the paper's recipe. */
function cacheRows({ original, intervals }: AblationModel): RowSpec[] {
  const kinds = [
    ['uniform cache', 'uniform', 'float', 'none', 'none'],
    ['DP cache', 'dp', 'float', 'none', 'none'],
    ['uniform cache + int8', 'uniform', 'w8a8', 'none', 'none'],
    ['DP cache + int8', 'dp', 'w8a8', 'none', 'none'],
    ['paper', 'dp', 'w8a8', 'paper', 'paper'],
  ] as const;
  return kinds.flatMap(([curve, schedule, bits, correction, outputs]) =>
    intervals.map((interval) => ({
      id: curve === 'paper' ? `paper-i${interval}` : `${schedule}-${bits}-i${interval}`,
      curve,
      ...original,
      interval,
      bits,
      cache: { schedule, correction, outputs, guidance: 'computed' as const },
    })),
  );
}

/**
 * Cache correction (features and guidance forecast) × quantization correction × integers on evenly spaced refreshes,
 * and without a cache. Plain integers are those of the table; with 4 bits their weights are rounded to the nearest
 * level, and rounding them by second moments is part of the correction. In float, two cells are one.
 */
function factorial(model: AblationModel): RowSpec[] {
  return factorGroups(model).flatMap(({ interval, correction }) =>
    (['float', 'w8a8', 'w4a8'] as const).flatMap((bits) =>
      (bits === 'float' ? (['none'] as const) : (['none', 'smoothed'] as const))
        .filter((outputs) => factorId(model, { bits, correction, outputs, interval }).startsWith('factors'))
        .map((outputs) => ({
          id: factorId(model, { bits, correction, outputs, interval }),
          curve: 'factors' as const,
          ...model.original,
          interval,
          bits,
          ...(bits === 'w4a8' && outputs === 'none' && { rounding: 'nearest' as const }),
          cache: {
            schedule: 'uniform' as const,
            correction,
            outputs,
            guidance:
              correction === 'none' || model.guidanceScale === 1
                ? ('computed' as const)
                : ('forecast' as const),
          },
        })),
    ),
  );
}

/** Without a cache there is no error of it to correct. */
export function factorGroups({
  factorIntervals,
}: AblationModel): Pick<FactorCell, 'interval' | 'correction'>[] {
  const corrections = ['none', 'forecast'] as const;
  if (factorIntervals.length === 0) return [];
  return [
    { interval: 1, correction: 'none' },
    ...factorIntervals.flatMap((interval) => corrections.map((correction) => ({ interval, correction }))),
  ];
}

/** A cell of the factorial. */
export interface FactorCell {
  readonly bits: RowSpec['bits'];
  readonly correction: 'none' | 'forecast';
  readonly outputs: 'none' | 'smoothed';
  readonly interval: number;
}

/** The row of a cell; some are rows of the table anyway. */
export function factorId(model: AblationModel, { bits, correction, outputs, interval }: FactorCell): string {
  if (interval === 1 && bits === 'float') return originalId(model);
  if (correction === 'none' && outputs === 'none' && bits !== 'w4a8') {
    const { sampler, steps } = model.original;
    return interval === 1 ? `w8a8-${sampler}-${steps}` : `uniform-${bits}-i${interval}`;
  }
  return `factors-${bits}-${correction}-${outputs}-i${interval}`;
}

function bestRows({ best }: AblationModel): RowSpec[] {
  return best.flatMap(([sampler, steps, intervals, bits = 'w8a8' as const]) =>
    intervals.map((interval) => ({
      id: `cachequant-${bits === 'float' ? 'float-' : ''}${sampler}-${steps}-i${interval}`,
      curve: 'cachequant' as const,
      sampler,
      steps,
      interval,
      bits,
      cache: { schedule: 'auto', correction: 'auto', outputs: 'auto', guidance: 'auto' },
    })),
  );
}
