import type { CacheChoice, ChosenRow } from './results.js';

/** One way to make pictures that the ablation compares. */
export type RowSpec = Pick<
  ChosenRow,
  'id' | 'curve' | 'sampler' | 'steps' | 'interval' | 'bits' | 'rounding'
> & {
  /** How its cache works; undefined where every call is a full one. */
  readonly cache?: CacheChoice;
};

/** Steps that divide the 1,000 of the training, so that all samplers step on the same grid; 15 by DPM-Solver++ alone. */
const STEPS = {
  plms: [50, 25, 20, 10],
  ddim: [25, 10],
  'dpm-solver++': [50, 25, 20, 15, 10, 8],
} as const;

const CACHE_INTERVALS = [3, 5, 10] as const;

/** Samplers and steps with which our best is tried, with the intervals that fit. */
const BEST: readonly (readonly ['plms' | 'dpm-solver++', number, readonly number[]])[] = [
  ['plms', 50, [1, 2, 3, 4, 5, 10]],
  ['plms', 25, [2]],
  ['dpm-solver++', 50, [3, 5]],
  ['dpm-solver++', 25, [2]],
  ['dpm-solver++', 20, [2]],
];

/** Rows without a cache that `optimize` chooses among as well: where no cache pays, it leaves it out. */
export function optimizeTries({ curve, sampler, steps, interval, bits }: Omit<RowSpec, 'cache'>): boolean {
  if (curve === 'cachequant') return true;
  const tried = BEST.some(([name, count]) => name === sampler && count === steps) || isFast(sampler, steps);
  return interval === 1 && bits !== 'w4a8' && curve !== 'reference' && tried;
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
export const ORIGINAL_ID = 'float-plms-50';

/** Every row of the table. */
export function ablationRows(): RowSpec[] {
  return [CONVERGED, ...fewerSteps(), ...cacheRows(), ...factorial(), ...bestRows()];
}

function fewerSteps(): RowSpec[] {
  return (Object.keys(STEPS) as (keyof typeof STEPS)[]).flatMap((sampler) =>
    (['float', 'w8a8'] as const).flatMap((bits) =>
      STEPS[sampler].map((steps) => ({
        id: `${bits}-${sampler}-${steps}`,
        curve: `${bits === 'float' ? 'fewer steps' : 'int8, fewer steps'}, ${sampler}` as const,
        sampler,
        steps,
        interval: 1,
        bits,
      })),
    ),
  );
}

/** Uniform and planned refreshes with plain reuse, alone and with integers, and the paper's recipe. */
function cacheRows(): RowSpec[] {
  const kinds = [
    ['uniform cache', 'uniform', 'float', 'none', 'none'],
    ['DP cache', 'dp', 'float', 'none', 'none'],
    ['uniform cache + int8', 'uniform', 'w8a8', 'none', 'none'],
    ['DP cache + int8', 'dp', 'w8a8', 'none', 'none'],
    ['paper', 'dp', 'w8a8', 'paper', 'paper'],
  ] as const;
  return kinds.flatMap(([curve, schedule, bits, correction, outputs]) =>
    CACHE_INTERVALS.map((interval) => ({
      id: curve === 'paper' ? `paper-i${interval}` : `${schedule}-${bits}-i${interval}`,
      curve,
      sampler: 'plms' as const,
      steps: 50,
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
function factorial(): RowSpec[] {
  return FACTOR_GROUPS.flatMap(({ interval, correction }) =>
    (['float', 'w8a8', 'w4a8'] as const).flatMap((bits) =>
      (bits === 'float' ? (['none'] as const) : (['none', 'smoothed'] as const))
        .filter((outputs) => factorId(bits, correction, outputs, interval).startsWith('factors'))
        .map((outputs) => ({
          id: factorId(bits, correction, outputs, interval),
          curve: 'factors' as const,
          sampler: 'plms' as const,
          steps: 50,
          interval,
          bits,
          ...(bits === 'w4a8' && outputs === 'none' && { rounding: 'nearest' as const }),
          cache: {
            schedule: 'uniform' as const,
            correction,
            outputs,
            guidance: correction === 'none' ? ('computed' as const) : ('forecast' as const),
          },
        })),
    ),
  );
}

/** Without a cache there is no error of it to correct. */
export const FACTOR_GROUPS = [
  { interval: 1, correction: 'none' },
  { interval: 5, correction: 'none' },
  { interval: 5, correction: 'forecast' },
  { interval: 10, correction: 'none' },
  { interval: 10, correction: 'forecast' },
] as const;

/** The row of a cell of the factorial; some are rows of the table anyway. */
export function factorId(
  bits: RowSpec['bits'],
  correction: 'none' | 'forecast',
  outputs: 'none' | 'smoothed',
  interval: number,
): string {
  if (interval === 1 && bits === 'float') return ORIGINAL_ID;
  if (correction === 'none' && outputs === 'none' && bits !== 'w4a8') {
    return interval === 1 ? 'w8a8-plms-50' : `uniform-${bits}-i${interval}`;
  }
  return `factors-${bits}-${correction}-${outputs}-i${interval}`;
}

function bestRows(): RowSpec[] {
  return BEST.flatMap(([sampler, steps, intervals]) =>
    intervals.map((interval) => ({
      id: `cachequant-${sampler}-${steps}-i${interval}`,
      curve: 'cachequant' as const,
      sampler,
      steps,
      interval,
      bits: 'w8a8',
      cache: { schedule: 'auto', correction: 'auto', outputs: 'auto', guidance: 'auto' },
    })),
  );
}
