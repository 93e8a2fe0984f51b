import type { ForecastTables } from '@cachequant/correction';
import { type CachedDenoiserOptions, cachedDenoiser } from '@cachequant/pipeline';
import { type CallPlan, plannedCalls, plannedRefreshes } from '@cachequant/scheduler';
import type { Session } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { type CallsOfRun, fitAlong } from '../candidates/fit-guidance-extrapolation.js';
import { correctingSession } from './correcting-session.js';
import type { KnownRun } from './float-run.js';

/** What a plan is sampled with. */
export interface ScoringModel {
  readonly full: Session;
  /** Without tables. */
  readonly cached: Session;
  readonly run: KnownRun;
  /** Whether cached calls compute the conditional half alone. */
  readonly guidance: NonNullable<CachedDenoiserOptions['guidance']>;
  /** The correction of a schedule's cached calls. */
  readonly tablesOf: (refreshCalls: readonly number[]) => ForecastTables;
}

/** The calls of a plan, and the sampler that makes them. */
function callsOfPlan({ sampler, samplerAt }: CalibrationContext, plan: CallPlan): CallsOfRun {
  const calls = plannedCalls(plan);
  const isWhole = calls.length === sampler.calls;
  return { calls, sampler: isWhole ? sampler : samplerAt(calls.map((call) => sampler.timesteps[call]!)) };
}

/** The refreshes of a plan that compute the conditional half alone. */
export function conditionalRefreshesOf(plan: CallPlan): number[] {
  return [...plan.keys()].filter((call) => plan[call] === 'conditional');
}

/**
 * Decibels of the final latents of a plan to those of the float model at all calls, mean over the images: −10 log₁₀ of
 * the mean squared error. The images are sampled side by side, and the forecast of guidance is fitted on the way.
 */
export async function scorePlan(model: ScoringModel, plan: CallPlan): Promise<number> {
  const { run } = model;
  const { context } = run;
  const refreshCalls = plannedRefreshes(plan);
  const denoiser = cachedDenoiser({
    full: model.full,
    cached: correctingSession(model.cached, model.tablesOf(refreshCalls)),
    refreshCalls,
    conditionalRefreshes: conditionalRefreshesOf(plan),
    calibratedTimesteps: context.sampler.timesteps,
    anchors: 2,
    guidance: model.guidance,
  });
  const { latents } = await fitAlong(run, denoiser, callsOfPlan(context, plan));
  denoiser.reset();
  const decibels = latents.map((values, image) =>
    latentDecibels(values, run.sampleAt(image, context.sampler.calls)),
  );
  return decibels.reduce((sum, value) => sum + value, 0) / decibels.length;
}

/** Of equal latents, so that means stay finite. */
const MAX_DECIBELS = 120;

function latentDecibels(values: Float32Array, truth: Float32Array): number {
  const square = truth.reduce((sum, value, i) => sum + (value - values[i]!) ** 2, 0) / truth.length;
  return Math.min(MAX_DECIBELS, -10 * Math.log10(square));
}
