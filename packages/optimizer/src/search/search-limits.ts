import { pureForecast } from '@cachequant/correction';
import { medianOf } from '@cachequant/evaluate';
import { cachedDenoiser, type Denoiser, type DenoiserCall } from '@cachequant/pipeline';
import type { CallCosts } from '@cachequant/scheduler';
import { callPlanOf, uniformSchedule } from '@cachequant/scheduler';
import { tensor } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import { recordedCall } from '../observe/trajectory.js';
import { correctingSession } from './correcting-session.js';
import { readRun } from './float-run.js';
import { type ScoringModel, scorePlan } from './plan-scores.js';
import { withScoringModel } from './scoring-model.js';

/** What the calls of a picture take, and the scoring of a plan; milliseconds. */
export interface SearchLimits {
  readonly costs: CallCosts;
  readonly scoreMs: number;
}

/** Calibration images that a plan is scored on, at most. */
export const SCORED_IMAGES = 8;

const ROUNDS = 7;

/** Measures calls of each kind in turn, and the scoring of the evenly spaced schedule. */
export async function measureSearchLimits(calibrated: CalibratedModel): Promise<SearchLimits> {
  const { context } = calibrated;
  const run = await readRun(calibrated, SCORED_IMAGES);
  return withScoringModel(calibrated, run, async (model) => {
    const costs = await callCosts(calibrated, model);
    const { calls } = context.sampler;
    const plan = callPlanOf(calls, [...Array(calls).keys()], uniformSchedule(calls, context.refreshes));
    const start = performance.now();
    await scorePlan(model, plan);
    return { costs, scoreMs: performance.now() - start };
  });
}

async function callCosts(calibrated: CalibratedModel, model: ScoringModel): Promise<CallCosts> {
  const { context } = calibrated;
  const isForecast = model.guidance === 'forecast';
  const [{ channels }] = calibrated.features;
  const tables = pureForecast({ calls: context.sampler.calls, channels, refreshCalls: [0], prior: 'reuse' });
  const denoiser = cachedDenoiser({
    full: model.full,
    cached: correctingSession(model.cached, tables),
    refreshCalls: [0, 2],
    ...(isForecast && { conditionalRefreshes: [2] }),
    anchors: 2,
    guidance: model.guidance,
  });
  const { call } = await recordedCall(context, calibrated.trajectory, 0, 0);
  const alone = isForecast ? conditionalHalf(call, calibrated) : call;
  const times: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round <= ROUNDS; round++) {
    denoiser.reset();
    const made = [
      { ...call, call: 0 },
      { ...alone, call: 1 },
      { ...alone, call: 2 },
    ];
    for (const [kind, each] of made.entries()) {
      const ms = await millisecondsOf(denoiser, each);
      if (round > 0) times[kind]!.push(ms);
    }
  }
  denoiser.reset();
  const [full, cached, conditional] = times.map(medianOf) as [number, number, number];
  return { full, cached, ...(isForecast && { conditional }) };
}

/** As cached calls compute it. */
function conditionalHalf(call: DenoiserCall, { context }: CalibratedModel): DenoiserCall {
  const [, ...dims] = call.sample.dims;
  const sample = tensor('float32', [1, ...dims], call.sample.data.slice(0, call.sample.data.length / 2));
  return { ...call, sample, conditioning: context.calibration[0]!.conditioning, half: 'conditional' };
}

async function millisecondsOf(denoiser: Denoiser, call: DenoiserCall): Promise<number> {
  const start = performance.now();
  await denoiser.predict(call);
  return performance.now() - start;
}
