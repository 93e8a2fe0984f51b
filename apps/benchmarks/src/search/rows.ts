import path from 'node:path';
import { meanOf } from '@cachequant/evaluate';
import {
  buildCandidate,
  buildSearchedCandidate,
  type CalibratedModel,
  type Candidate,
  chosenCalls,
  INTEGER_FULL,
  loadVariant,
  named,
  planSchedule,
  samplerOf,
  searchPlan,
  type Variant,
  withGuidanceForecast,
} from '@cachequant/optimizer/experiments';
import type { Denoiser } from '@cachequant/pipeline';
import type { Sampler } from '@cachequant/samplers';
import { type CallCosts, callPlanText } from '@cachequant/scheduler';

/** One way to run the model within a budget, ready to be loaded. */
export interface SearchRow {
  readonly id: string;
  /** In calls of the float model. */
  readonly cost: number;
  readonly plan: string;
  /** Decibels on the calibration images; undefined for fewer steps. */
  readonly calibration: number | undefined;
  readonly sampler: Sampler;
  readonly fingerprint: string;
  load(): Promise<Denoiser>;
}

const KINDS = ['uniform', 'dp', 'forecast-dp'] as const;

/** The best of today's schedules at all calls, by the calibration images, with as many refreshes as the budget has. */
export async function plannedRow(
  calibrated: CalibratedModel,
  { costs, budget, id }: { costs: CallCosts; budget: number; id: string },
): Promise<SearchRow | undefined> {
  const { calls } = calibrated.context.sampler;
  const refreshes = Math.floor((budget - calls * costs.cached) / (costs.full - costs.cached));
  if (refreshes < 2 || refreshes >= calls) return undefined;
  const at = withRefreshes(calibrated, refreshes);
  let best: Candidate | undefined;
  for (const kind of KINDS) {
    if (kind === 'dp' && refreshes > calls / 2) continue;
    const computed = await buildCandidate(at, kind, 'forecast');
    const candidate = (await withGuidanceForecast(at, computed)) ?? computed;
    if (!best || meanOf(candidate.psnr) > meanOf(best.psnr)) best = candidate;
  }
  const cost = refreshes * costs.full + (calls - refreshes) * costs.cached;
  return rowOf(at, best!, { id, cost, plan: `${best!.schedule}, ${refreshes} refreshes` });
}

/** What a search finds within the budget. */
export async function searchedRow(
  calibrated: CalibratedModel,
  {
    costs,
    budget,
    id,
    evaluations,
    images,
  }: { costs: CallCosts; budget: number; id: string; evaluations: number; images: number },
): Promise<SearchRow> {
  const { calls } = calibrated.context.sampler;
  const schedules: number[][] = [];
  const refreshes = Math.floor((budget - calls * costs.cached) / (costs.full - costs.cached));
  if (refreshes >= 2 && refreshes <= calls / 2) {
    const at = withRefreshes(calibrated, refreshes);
    for (const kind of KINDS) schedules.push(await planSchedule(at, kind, refreshes));
  }
  const options = { costs, budget, evaluations, images, schedules, name: id };
  const found = await calibrated.runner.stage({ kind: 'experiment', name: `search-${id}` }, () =>
    searchPlan(calibrated, options),
  );
  console.log(
    `${id}: ${callPlanText(found.plan)} ${found.score.toFixed(2)} dB of latents, began with ${callPlanText(found.start.plan)} ${found.start.score.toFixed(2)}, ${found.scored} plans`,
  );
  const chosen = chosenCalls(calibrated.context, found.plan);
  const candidate = await buildSearchedCandidate(named(calibrated, id), chosen);
  return rowOf(calibrated, candidate, { id, cost: found.cost, plan: callPlanText(found.plan) });
}

function withRefreshes(calibrated: CalibratedModel, refreshes: number): CalibratedModel {
  const { context, changes } = calibrated;
  const exact = context.sampler.calls / refreshes;
  const interval = Math.max(2, Math.round(exact));
  return {
    ...calibrated,
    changes: [...changes, { interval: exact }],
    context: { ...context, recipe: { ...context.recipe, interval }, refreshes },
  };
}

/** Integers at every step of a sampler. */
export function integerStepsRow(calibrated: CalibratedModel, sampler: Sampler, cost: number): SearchRow {
  const variant: Variant = { full: INTEGER_FULL };
  return {
    id: `w8a8-${sampler.steps}`,
    cost,
    plan: `${sampler.steps} steps`,
    calibration: undefined,
    sampler,
    fingerprint: `w8a8-dpm-${sampler.steps}`,
    load: async () => {
      const { context } = calibrated;
      const { full } = variant;
      const everyCall = context.sampler.timesteps.map((_, call) => call);
      const graph = path.posix.join('int8', 'cached-search.onnx');
      const cached = { graph, refreshCalls: everyCall, anchors: 1 as const };
      return loadVariant(context, { full, cached });
    },
  };
}

function rowOf(
  { context }: CalibratedModel,
  { variant, psnr }: Candidate,
  about: { id: string; cost: number; plan: string },
): SearchRow {
  return {
    ...about,
    calibration: meanOf(psnr),
    sampler: samplerOf(context, variant),
    fingerprint: about.id,
    load: () => loadVariant(context, variant),
  };
}
