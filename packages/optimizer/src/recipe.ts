import { SCHEDULE_KINDS } from '@cachequant/pipeline/internals';
import { CacheQuantError } from '@cachequant/tensor';
import {
  type OptimizeOptions,
  optimizeOptionsSchema,
  type ParsedOptions,
} from './options/optimize-options.js';

import type { ScheduleChoice } from './search/schedule-choices.js';

export type { OptimizeOptions } from './options/optimize-options.js';

const EFFORTS = {
  fast: {
    calibrationImages: 4,
    verificationImages: 4,
    offCalibrationImages: 0,
    schedules: ['uniform', 'dp'],
  },
  normal: {
    calibrationImages: 8,
    verificationImages: 8,
    offCalibrationImages: 4,
    schedules: ['uniform', 'dp', 'forecast-dp'],
  },
  thorough: {
    calibrationImages: 32,
    verificationImages: 32,
    offCalibrationImages: 8,
    schedules: [...SCHEDULE_KINDS],
  },
} as const satisfies Record<string, { schedules: readonly ScheduleChoice[]; [key: string]: unknown }>;

/** Options with nothing left open that does not depend on the model. */
export interface OpenRecipe extends ParsedOptions {
  readonly calibrationImages: number;
  readonly verificationImages: number;
  readonly offCalibrationImages: number;
  /** Schedules to compare; the best one on calibration seeds is taken. */
  readonly schedules: readonly ScheduleChoice[];
}

/** Options with nothing left open. */
export interface Recipe extends OpenRecipe {
  readonly interval: number;
}

/**
 * Checks the options of an optimization and fills in what is left out.
 * @throws CacheQuantError `invalid-argument` naming the option
 */
export function parseRecipe(options: OptimizeOptions): OpenRecipe {
  const parsed = optimizeOptionsSchema.safeParse(options);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new CacheQuantError('invalid-argument', message, {
      where: path.length > 0 ? `option ${path.join('.')}` : 'options',
      hint: `Options are ${Object.keys(optimizeOptionsSchema.shape).join(', ')}.`,
    });
  }
  refuseSearchOfPoints(parsed.data);
  const effort = EFFORTS[parsed.data.effort];
  const verificationImages = parsed.data.verificationImages ?? effort.verificationImages;
  const { schedule, cacheCorrection, guidance } = choicesOf(parsed.data);
  return {
    ...parsed.data,
    schedule,
    cacheCorrection,
    guidance,
    calibrationImages: parsed.data.calibrationImages ?? effort.calibrationImages,
    verificationImages,
    offCalibrationImages: Math.min(
      parsed.data.offCalibrationImages ?? effort.offCalibrationImages,
      verificationImages,
    ),
    schedules: schedulesOf(schedule, effort.schedules),
  };
}

/** The paper's recipe leaves no choice of schedule or correction. */
function choicesOf({
  recipe,
  schedule,
  cacheCorrection,
  guidance,
}: ParsedOptions): Pick<ParsedOptions, 'schedule' | 'cacheCorrection' | 'guidance'> {
  if (schedule === 'search' && cacheCorrection !== 'auto' && cacheCorrection !== 'forecast') {
    throw new CacheQuantError('invalid-argument', 'calls are searched for with their own correction', {
      where: 'option cacheCorrection',
      expected: 'auto or forecast',
      got: cacheCorrection,
      hint: 'Omit one of the two options.',
    });
  }
  if (recipe === 'best') return { schedule, cacheCorrection, guidance };
  const other = Object.entries({
    schedule: [schedule, 'dp'],
    cacheCorrection: [cacheCorrection, 'paper'],
  }).find(([, [given, own]]) => given !== 'auto' && given !== own);
  if (!other) return { schedule: 'dp', cacheCorrection: 'paper', guidance: 'computed' };
  throw new CacheQuantError('invalid-argument', "the paper's recipe has its own", {
    where: `option ${other[0]}`,
    expected: other[1][1],
    got: other[1][0],
    hint: 'Omit one of the two options.',
  });
}

/** Dozens of points would each be searched for. */
function refuseSearchOfPoints({ schedule, maxLatency, minPsnr }: ParsedOptions): void {
  if (schedule !== 'search' || (maxLatency === undefined && minPsnr === undefined)) return;
  throw new CacheQuantError('invalid-argument', 'calls are searched for at one interval', {
    where: 'option schedule',
    expected: `an interval, in place of ${maxLatency === undefined ? 'minPsnr' : 'maxLatency'}`,
    hint: 'Find the interval with auto, then search at it.',
  });
}

/** What is searched for begins with what is planned, and competes with it. */
function schedulesOf(
  schedule: ParsedOptions['schedule'],
  ofEffort: readonly ScheduleChoice[],
): readonly ScheduleChoice[] {
  if (schedule === 'auto') return ofEffort;
  return schedule === 'search' ? [...ofEffort, schedule] : [schedule];
}
