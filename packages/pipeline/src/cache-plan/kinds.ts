/** How the schedule of refreshes is chosen. */
export const SCHEDULE_KINDS = ['uniform', 'quadratic', 'dp', 'forecast-dp'] as const;
/** A way to choose the calls that refresh the cache. */
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** How cached features are corrected: not at all, as in the paper, or as a forecast from two refreshes. */
export const CACHE_CORRECTIONS = ['none', 'paper', 'forecast'] as const;
/** How a cached call corrects the cached tensor. */
export type CacheCorrectionKind = (typeof CACHE_CORRECTIONS)[number];
