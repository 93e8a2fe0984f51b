import type { CalibratedModel } from '../calibrated-model.js';
import { planSchedule } from '../candidates/candidate.js';
import { changeName } from '../work/stage.js';
import type { ChosenCalls } from './schedule-choices.js';
import { measureSearchLimits, SCORED_IMAGES } from './search-limits.js';
import { chosenCalls, searchPlan } from './search-plan.js';

/** Plans that are scored at most: more have not been seen to bring anything. */
const MOST_PLANS = 2000;

/**
 * Searches for the calls of a picture, within the time that the schedules at the recipe's interval take: calls of each
 * kind are measured first. A run that was stopped goes on with the same times and the same scores.
 */
export function searchedCalls(calibrated: CalibratedModel): Promise<ChosenCalls> {
  const { context, runner, changes } = calibrated;
  return runner.stage({ kind: 'search', changes }, async () => {
    const { costs, scoreMs } = await runner.stage({ kind: 'search-limits', changes }, () =>
      measureSearchLimits(calibrated),
    );
    const { recipe, sampler, refreshes } = context;
    const schedules: number[][] = [];
    for (const kind of recipe.schedules) {
      if (kind !== 'search') schedules.push(await planSchedule(calibrated, kind, refreshes));
    }
    const { plan } = await searchPlan(calibrated, {
      costs,
      budget: refreshes * costs.full + (sampler.calls - refreshes) * costs.cached,
      evaluations: Math.max(1, Math.min(MOST_PLANS, Math.floor((60_000 * recipe.searchMinutes) / scoreMs))),
      images: SCORED_IMAGES,
      schedules,
      name: changes.map(changeName).join('-') || 'plan',
    });
    return chosenCalls(context, plan);
  });
}
