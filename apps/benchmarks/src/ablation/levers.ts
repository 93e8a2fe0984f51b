import {
  atInterval,
  buildCandidate,
  buildSearchedCandidate,
  type CalibratedModel,
  chosenCalls,
  measureSearchLimits,
  named,
  searchPlan,
  type Variant,
  withGuidanceForecast,
} from '@cachequant/optimizer/experiments';
import { type CallCosts, uniformSchedule } from '@cachequant/scheduler';
import { lateRefreshes } from '../contestants.js';
import {
  FULL_SIZE_SEARCHES,
  fullSizeTimes,
  isFullSizeSearch,
  type SearchTimes,
  searchedIntervals,
} from './full-size-search.js';
import type { AblationModel } from './models/ablation-model.js';
import { ablationRows, CONVERGED, originalId, plainRow, type RowSpec } from './rows.js';

/**
 * What each saves over the row before, with evenly spaced refreshes; the search has the time of the one before it, those
 * for 512 pixels a time of their own.
 */
export const LEVERS = [
  'lever: both halves',
  'lever: one half at cached calls',
  'lever: one half at late refreshes',
  'lever: search',
  ...FULL_SIZE_SEARCHES,
] as const;
export type Lever = (typeof LEVERS)[number];

/** Calls that a search may leave out are those of a solver that takes steps of any length. */
const SAMPLER = { sampler: 'dpm-solver++', steps: 50 } as const;
const INTERVALS = [3, 5, 10] as const;
const FEWER_STEPS = [50, 25, 20, 15, 10, 8] as const;

/** The rows of `--levers`: the original, fewer steps, and each lever at each interval. */
export function leverRows(model: AblationModel): RowSpec[] {
  return [
    CONVERGED,
    ...ablationRows(model).filter(({ id }) => id === originalId(model)),
    ...FEWER_STEPS.map((count) =>
      plainRow(SAMPLER.sampler, count, 'float', `fewer steps, ${SAMPLER.sampler}`),
    ),
    ...leversOf(model).flatMap((curve) =>
      intervalsOf(curve).map((interval) => ({
        id: `${leverId(curve)}-i${interval}`,
        curve,
        ...SAMPLER,
        interval,
        bits: 'w8a8' as const,
      })),
    ),
  ];
}

const leversOf = ({ searchesLevers }: AblationModel): readonly Lever[] =>
  searchesLevers ? LEVERS : LEVERS.filter((lever) => !isSearch(lever));

const intervalsOf = (lever: Lever): readonly number[] =>
  isFullSizeSearch(lever) ? searchedIntervals(lever) : INTERVALS;

const leverId = (lever: Lever): string => lever.replace('lever: ', '').replaceAll(' ', '-').toLowerCase();

export const isLever = (curve: RowSpec['curve']): curve is Lever => LEVERS.some((lever) => lever === curve);

/** Whether a search chooses the lever's calls, with its own times or those of another size. */
export const isSearch = (lever: Lever): boolean => lever === 'lever: search' || isFullSizeSearch(lever);

/** Calibration images that a plan is scored on. */
const SCORED_IMAGES = 4;
/** Plans to score. */
const EVALUATIONS = 150;
/** Few calls in a short time have more plans that are nearly as good. */
const FULL_SIZE_EVALUATIONS = 400;

/** The graphs of a lever, and when they run. */
export async function leverVariant(lever: Lever, interval: number, whole: CalibratedModel): Promise<Variant> {
  const calibrated = atInterval(whole, interval);
  const { calls } = calibrated.context.sampler;
  const refreshCalls = uniformSchedule(calls, calibrated.context.refreshes);
  if (isFullSizeSearch(lever)) {
    const times = await fullSizeTimes(lever, interval);
    const name = `${leverId(lever)}-i${interval}`;
    return searchedVariant(calibrated, name, { ...times, evaluations: FULL_SIZE_EVALUATIONS }, [
      refreshCalls,
    ]);
  }
  if (lever === 'lever: search') {
    const times = await ownTimes(calibrated, refreshCalls);
    return searchedVariant(calibrated, `levers-i${interval}`, { ...times, evaluations: EVALUATIONS }, [
      refreshCalls,
    ]);
  }
  if (lever === 'lever: one half at late refreshes') {
    const late = { refreshCalls, conditionalRefreshes: lateRefreshes(refreshCalls) };
    return (await buildSearchedCandidate(named(calibrated, 'late'), late)).variant;
  }
  const candidate = await buildCandidate(calibrated, 'uniform', 'forecast');
  if (lever === 'lever: both halves') return candidate.variant;
  return (await withGuidanceForecast(calibrated, candidate))!.variant;
}

/** The model's own times of calls, and the time of evenly spaced refreshes whose later half computes one half of guidance. */
async function ownTimes(calibrated: CalibratedModel, refreshCalls: readonly number[]): Promise<SearchTimes> {
  const { context, runner } = calibrated;
  const costs = await runner.stage<CallCosts>({ kind: 'experiment', name: 'lever-costs' }, async () => {
    return (await measureSearchLimits(calibrated)).costs;
  });
  const late = lateRefreshes(refreshCalls).length;
  const budget =
    (refreshCalls.length - late) * costs.full +
    late * (costs.conditional ?? costs.full) +
    (context.sampler.calls - refreshCalls.length) * costs.cached;
  return { costs, budget };
}

/** What a search finds within a time. */
async function searchedVariant(
  calibrated: CalibratedModel,
  name: string,
  limits: SearchTimes & { readonly evaluations: number },
  schedules: readonly (readonly number[])[],
): Promise<Variant> {
  const options = { images: SCORED_IMAGES, ...limits, schedules, name };
  const found = await calibrated.runner.stage({ kind: 'experiment', name: `search-${name}` }, () =>
    searchPlan(calibrated, options),
  );
  const calls = chosenCalls(calibrated.context, found.plan);
  return (await buildSearchedCandidate(named(calibrated, name), calls)).variant;
}
