import { loadArtifact, saveArtifact } from '@cachequant/pipeline/internals';
import {
  type CallCosts,
  type CallPlan,
  callPlanText,
  plannedCalls,
  plannedRefreshes,
  planSteps,
  searchCalls,
  startingPlans,
} from '@cachequant/scheduler';
import { finishUnlessAborted, throwIfAborted } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import type { CalibrationContext } from '../calibration-context.js';
import { type KnownRun, readRun } from './float-run.js';
import { conditionalRefreshesOf, scorePlan } from './plan-scores.js';
import type { ChosenCalls } from './schedule-choices.js';
import { withScoringModel } from './scoring-model.js';
import { measureStepErrors } from './step-errors.js';

/** What a search may spend. */
export interface PlanSearchOptions {
  /** Of one call of each kind, in any unit. */
  readonly costs: CallCosts;
  /** What the calls of a picture may cost together, in that unit. */
  readonly budget: number;
  /** Plans to score. */
  readonly evaluations: number;
  /** Calibration images that each plan is scored on. */
  readonly images: number;
  /** Schedules of refreshes at all calls, to begin with. */
  readonly schedules: readonly (readonly number[])[];
  /** Tells the search apart from others of the same work folder. */
  readonly name: string;
}

/** The best plan that was found, and the best of those that are known without a search. */
export interface SearchedPlan {
  readonly plan: CallPlan;
  /** Decibels of the final latents. */
  readonly score: number;
  readonly cost: number;
  readonly start: { readonly plan: CallPlan; readonly score: number };
  readonly scored: number;
}

/**
 * Searches for the calls to make in full, from the cache, and not at all, that leave the final latents of the
 * calibration images nearest to the float model's within a budget. Scores are saved as they come, so that a run that
 * was stopped goes on where it was.
 */
export async function searchPlan(
  calibrated: CalibratedModel,
  options: PlanSearchOptions,
): Promise<SearchedPlan> {
  const run = await readRun(calibrated, options.images);
  const starts = await startsOf(run, options);
  return withScoringModel(calibrated, run, (model) =>
    runSearch(calibrated, options, starts, (plan) => scorePlan(model, plan)),
  );
}

async function runSearch(
  { context, runner, anchors }: CalibratedModel,
  { costs, budget, evaluations, name }: PlanSearchOptions,
  starts: readonly CallPlan[],
  scoreOf: (plan: CallPlan) => Promise<number>,
): Promise<SearchedPlan> {
  const path = `search/${name}`;
  const fingerprint = [runner.fingerprint, JSON.stringify([costs, budget, evaluations])].join(' ');
  const found = await loadArtifact<SavedScores>(context.work, path);
  const known = new Map(found?.fingerprint === fingerprint ? found.scores : []);
  const save = () =>
    saveArtifact(context.work, path, { fingerprint, scores: [...known] } satisfies SavedScores);
  const { window, calls } = anchors[0];
  const search = searchCalls({
    starts,
    costs,
    budget,
    evaluations,
    isAllowed: (plan) => reachesBack(plan, window, calls),
  });
  let unsaved = 0;
  try {
    let step = search.next();
    while (!step.done) {
      throwIfAborted(context.signal);
      context.onProgress?.(step.value.scored, evaluations);
      const text = callPlanText(step.value.plan);
      let score = known.get(text);
      if (score === undefined) {
        score = await scoreOf(step.value.plan);
        known.set(text, score);
        unsaved += 1;
        if (unsaved % SAVED_EVERY === 0) await save();
      }
      step = search.next(score);
    }
    context.onProgress?.(evaluations, evaluations);
    return step.value;
  } finally {
    if (unsaved > 0) await save();
  }
}

const SAVED_EVERY = 20;

interface SavedScores {
  readonly fingerprint: string;
  readonly scores: readonly (readonly [plan: string, score: number])[];
}

/** Whether the moments reach from every cached call to the refreshes that it is forecast from. */
function reachesBack(plan: CallPlan, window: number, calls: number): boolean {
  if (window >= calls) return true;
  const refreshes = plannedRefreshes(plan);
  return refreshes.every((refresh, at) => (refreshes[at + 2] ?? calls) - refresh <= window);
}

/** Evenly spaced calls, those that leave single steps the least error, and what schedules are given. */
async function startsOf(run: KnownRun, { costs, budget, schedules }: PlanSearchOptions): Promise<CallPlan[]> {
  const { sampler, signal } = run.context;
  const errors = await finishUnlessAborted(measureStepErrors(run), signal);
  return startingPlans({
    points: sampler.calls,
    costs,
    budget,
    schedules,
    spacings: [(steps) => planSteps(errors, { steps }).calls],
  });
}

/** A plan's calls, for the bundle. */
export function chosenCalls({ sampler }: CalibrationContext, plan: CallPlan): ChosenCalls {
  const calls = plannedCalls(plan);
  const conditionalRefreshes = conditionalRefreshesOf(plan);
  return {
    refreshCalls: plannedRefreshes(plan),
    ...(conditionalRefreshes.length > 0 && { conditionalRefreshes }),
    ...(calls.length < sampler.calls && { timesteps: calls.map((call) => sampler.timesteps[call]!) }),
  };
}
