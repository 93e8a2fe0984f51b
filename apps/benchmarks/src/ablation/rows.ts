import type { CacheChoice, ChosenRow } from './results.js';

/** One way to make pictures that the ablation compares. */
export type RowSpec = Pick<ChosenRow, 'id' | 'curve' | 'sampler' | 'steps' | 'interval' | 'bits'> & {
  /** How its cache works; undefined where every call is a full one. */
  readonly cache?: CacheChoice;
};

/** Steps that divide the 1,000 of the training, so that all samplers step on the same grid; 15 by DPM-Solver++ alone. */
const STEPS = {
  plms: [50, 40, 25, 20, 10],
  ddim: [50, 25, 20, 10],
  'dpm-solver++': [20, 15, 10, 8, 5],
} as const;

const PLMS_INTERVALS = [2, 3, 5, 10] as const;

/** Samplers and steps with which our best is tried, with the intervals that fit. */
const BEST: readonly (readonly ['plms' | 'dpm-solver++', number, readonly number[]])[] = [
  ['plms', 50, PLMS_INTERVALS],
  ['plms', 25, [2, 3]],
  ['dpm-solver++', 20, [2, 3, 5]],
  ['dpm-solver++', 15, [2, 3]],
  ['dpm-solver++', 10, [2]],
];

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
    PLMS_INTERVALS.map((interval) => ({
      id: curve === 'paper' ? `paper-i${interval}` : `${schedule}-${bits}-i${interval}`,
      curve,
      sampler: 'plms' as const,
      steps: 50,
      interval,
      bits,
      cache: { schedule, correction, outputs },
    })),
  );
}

/** Cache correction × quantization correction × int8 on evenly spaced refreshes; without integers, two cells are one. */
function factorial(): RowSpec[] {
  return ([5, 10] as const).flatMap((interval) =>
    (
      [
        ['float', 'forecast', 'none'],
        ['w8a8', 'none', 'checked'],
        ['w8a8', 'forecast', 'none'],
        ['w8a8', 'forecast', 'checked'],
      ] as const
    ).map(([bits, correction, outputs]) => ({
      id: `factors-${bits}-${correction}-${outputs}-i${interval}`,
      curve: 'factors' as const,
      sampler: 'plms' as const,
      steps: 50,
      interval,
      bits,
      cache: { schedule: 'uniform' as const, correction, outputs },
    })),
  );
}

function bestRows(): RowSpec[] {
  return BEST.flatMap(([sampler, steps, intervals]) =>
    intervals.map((interval) => ({
      id: `cachequant-${sampler}-${steps}-i${interval}`,
      curve: 'cachequant' as const,
      sampler,
      steps,
      interval,
      bits: 'w8a8' as const,
      cache: { schedule: 'auto' as const, correction: 'auto' as const, outputs: 'auto' as const },
    })),
  );
}
