import type { ScheduleKind } from '@cachequant/pipeline';
import { SCHEDULE_KINDS } from '@cachequant/pipeline/internals';

/** How the calls of a bundle can be chosen: planned from what was observed, or searched for by sampling. */
export const SCHEDULE_CHOICES = [...SCHEDULE_KINDS, 'search'] as const;
/** One of {@link SCHEDULE_CHOICES}. */
export type ScheduleChoice = (typeof SCHEDULE_CHOICES)[number];

/** The calls of a run, counted among all calls of the sampler. */
export interface ChosenCalls {
  /** Ascending from 0. */
  readonly refreshCalls: readonly number[];
  /** Those of them that compute the conditional half of guidance alone; left out: none. */
  readonly conditionalRefreshes?: readonly number[] | undefined;
  /** Of the calls that are made; left out: all are. */
  readonly timesteps?: readonly number[] | undefined;
}

/** Whether a schedule is planned from what was observed. */
export function isPlanned(schedule: ScheduleChoice): schedule is ScheduleKind {
  return schedule !== 'search';
}
