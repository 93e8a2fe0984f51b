import {
  atInterval,
  buildCandidate,
  buildSearchedCandidate,
  type CalibratedModel,
  chosenCalls,
  measureSearchLimits,
  searchPlan,
  type Variant,
  withGuidanceForecast,
} from '@cachequant/optimizer/experiments';
import { type CallCosts, uniformSchedule } from '@cachequant/scheduler';
import { lateRefreshes } from '../contestants.js';
import type { AblationModel } from './models/ablation-model.js';
import { ablationRows, CONVERGED, originalId, plainRow, type RowSpec } from './rows.js';

/** What each saves over the row before, with evenly spaced refreshes; the search has the time of the one before it. */
export const LEVERS = [
  'lever: both halves',
  'lever: one half at cached calls',
  'lever: one half at late refreshes',
  'lever: search',
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
    ...LEVERS.flatMap((curve) =>
      INTERVALS.map((interval) => ({
        id: `${curve.replace('lever: ', '').replaceAll(' ', '-')}-i${interval}`,
        curve,
        ...SAMPLER,
        interval,
        bits: 'w8a8' as const,
      })),
    ),
  ];
}

export const isLever = (curve: RowSpec['curve']): curve is Lever => LEVERS.some((lever) => lever === curve);

/** Calibration images that a plan is scored on, and plans to score. */
const SEARCH = { images: 4, evaluations: 150 } as const;

/** The graphs of a lever, and when they run. */
export async function leverVariant(lever: Lever, interval: number, whole: CalibratedModel): Promise<Variant> {
  const calibrated = atInterval(whole, interval);
  const { calls } = calibrated.context.sampler;
  const refreshCalls = uniformSchedule(calls, calibrated.context.refreshes);
  if (lever === 'lever: search') return searchedVariant(calibrated, refreshCalls);
  if (lever === 'lever: one half at late refreshes') {
    // Of a name of its own in the work folder: a search has the other one.
    const apart = atInterval(calibrated, interval);
    const conditionalRefreshes = lateRefreshes(refreshCalls);
    return (await buildSearchedCandidate(apart, { refreshCalls, conditionalRefreshes })).variant;
  }
  const candidate = await buildCandidate(calibrated, 'uniform', 'forecast');
  if (lever === 'lever: both halves') return candidate.variant;
  return (await withGuidanceForecast(calibrated, candidate))!.variant;
}

/** What a search finds in the time of evenly spaced refreshes whose later half computes one half of guidance. */
async function searchedVariant(
  calibrated: CalibratedModel,
  refreshCalls: readonly number[],
): Promise<Variant> {
  const { context, runner } = calibrated;
  const name = `levers-i${context.recipe.interval}`;
  const costs = await runner.stage<CallCosts>({ kind: 'experiment', name: 'lever-costs' }, async () => {
    return (await measureSearchLimits(calibrated)).costs;
  });
  const late = lateRefreshes(refreshCalls).length;
  const budget =
    (refreshCalls.length - late) * costs.full +
    late * (costs.conditional ?? costs.full) +
    (context.sampler.calls - refreshCalls.length) * costs.cached;
  const options = { ...SEARCH, costs, budget, schedules: [refreshCalls], name };
  const found = await runner.stage({ kind: 'experiment', name: `search-${name}` }, () =>
    searchPlan(calibrated, options),
  );
  return (await buildSearchedCandidate(calibrated, chosenCalls(context, found.plan))).variant;
}
