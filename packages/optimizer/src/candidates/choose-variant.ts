import { meanOf as mean } from '@cachequant/evaluate';
import type { ScheduleKind } from '@cachequant/pipeline';
import type { CalibratedModel } from '../calibrated-model.js';
import { type DecisionRecord, recordedSchedule } from '../decision-record.js';
import { type ChosenCalls, isPlanned } from '../search/schedule-choices.js';
import { searchedCalls } from '../search/searched-calls.js';
import type { Candidate } from './candidate.js';
import {
  buildCandidate,
  buildSearchedCandidate,
  buildWithoutCache,
  withGuidanceForecast,
} from './candidate.js';
import { correctOutputs } from './correct-outputs.js';
import { smoothPredictions } from './smooth-predictions.js';
import type { Variant } from './variant.js';

/** The winner on the calibration images, and everything it was compared with. */
export interface Choice {
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate;
  /** Plain reuse on the chosen schedule, to compare with; undefined where that itself was chosen. */
  readonly plain: Candidate | undefined;
  /** What was tried against the error of integers; undefined in float. */
  readonly quantization: QuantizationCorrection | undefined;
  readonly quantizationKept: boolean;
  readonly variant: Variant;
}

/** Smoothed predictions or, as in the paper, corrected outputs of the layers that read the cached tensor. */
export interface QuantizationCorrection {
  readonly kind: 'smoothing' | 'outputs';
  readonly variant: Variant;
  /** With it, in decibels, one for each calibration image. */
  readonly psnr: readonly number[];
}

/**
 * Tries every schedule of the recipe with both halves of guidance computed and with one of them forecast, plain reuse
 * on the best one and on the evenly spaced one, and the quantization correction; with a plan, only what that chose.
 */
export async function chooseVariant(calibrated: CalibratedModel): Promise<Choice> {
  if (calibrated.context.recipe.interval === 1) return withoutCache(calibrated);
  return calibrated.plan ? plannedChoice(calibrated, calibrated.plan) : measuredChoice(calibrated);
}

/** What a plan has chosen, built and measured again; nothing else is tried. */
async function plannedChoice(calibrated: CalibratedModel, plan: DecisionRecord): Promise<Choice> {
  const recorded = recordedSchedule(plan, calibrated.context.sampler.calls);
  const { schedule, correction, refreshCalls, guidance } = recorded;
  if (schedule === 'search') return searchedChoice(calibrated, recorded);
  const computed = await buildCandidate(calibrated, schedule, correction, refreshCalls);
  const chosen = (guidance === 'forecast' && (await withGuidanceForecast(calibrated, computed))) || computed;
  const plain =
    correction === 'none' ? undefined : await buildCandidate(calibrated, schedule, 'none', refreshCalls);
  return {
    candidates: [chosen],
    chosen,
    plain,
    ...(await withQuantizationCorrection(calibrated, chosen, true)),
  };
}

async function searchedChoice(calibrated: CalibratedModel, calls: ChosenCalls): Promise<Choice> {
  const chosen = await buildSearchedCandidate(calibrated, calls);
  const corrected = await withQuantizationCorrection(calibrated, chosen, true);
  return { candidates: [chosen], chosen, plain: undefined, ...corrected };
}

async function measuredChoice(calibrated: CalibratedModel): Promise<Choice> {
  const { recipe } = calibrated.context;
  const correction = recipe.cacheCorrection === 'auto' ? 'forecast' : recipe.cacheCorrection;
  const candidates: Candidate[] = [];
  for (const schedule of recipe.schedules.filter(isPlanned)) {
    candidates.push(
      ...(await bothGuidances(calibrated, await buildCandidate(calibrated, schedule, correction))),
    );
  }
  const planned = bestOf(candidates).schedule as ScheduleKind;
  const plains = correction === 'none' ? [] : await plainCandidates(calibrated, planned);
  for (const plain of recipe.cacheCorrection === 'auto' ? plains : []) {
    candidates.push(...(await bothGuidances(calibrated, plain)));
  }
  if (recipe.schedules.includes('search')) {
    candidates.push(await buildSearchedCandidate(calibrated, await searchedCalls(calibrated)));
  }
  const chosen = bestOf(candidates);
  const plain = plains.find(({ schedule }) => schedule === chosen.schedule);
  return {
    candidates,
    chosen,
    plain: chosen === plain ? undefined : plain,
    ...(await withQuantizationCorrection(calibrated, chosen, recipe.recipe === 'paper')),
  };
}

/** What becomes of the quantization correction: it is kept where the pictures get better by it, or in any case. */
async function withQuantizationCorrection(
  calibrated: CalibratedModel,
  chosen: Candidate,
  inAnyCase: boolean,
): Promise<Pick<Choice, 'quantization' | 'quantizationKept' | 'variant'>> {
  const quantization = await correctQuantization(calibrated, chosen);
  const quantizationKept =
    quantization !== undefined && (inAnyCase || mean(quantization.psnr) > mean(chosen.psnr));
  return {
    quantization,
    quantizationKept,
    variant: quantizationKept ? quantization.variant : chosen.variant,
  };
}

/** The recipe's correction of what integers cost; undefined in float, without one, or where a plan has dropped it. */
async function correctQuantization(
  calibrated: CalibratedModel,
  chosen: Candidate,
): Promise<QuantizationCorrection | undefined> {
  const { recipe } = calibrated.context;
  if (calibrated.integers === undefined || recipe.cacheCorrection === 'none') return undefined;
  // Weights are fitted to predictions that lie one call of the sampler apart.
  if (chosen.variant.timesteps !== undefined) return undefined;
  if (calibrated.plan !== undefined && calibrated.plan.quantizationCorrection?.kept !== true)
    return undefined;
  if (recipe.recipe !== 'paper')
    return { kind: 'smoothing', ...(await smoothPredictions(calibrated, chosen)) };
  const corrected = await correctOutputs(calibrated, chosen);
  return corrected && { kind: 'outputs', ...corrected };
}

/** Plain reuse on the best schedule, and on evenly spaced refreshes, where little can be forecast over long groups. */
async function plainCandidates(calibrated: CalibratedModel, best: ScheduleKind): Promise<Candidate[]> {
  const { schedules, cacheCorrection } = calibrated.context.recipe;
  const evenly = cacheCorrection === 'auto' && schedules.includes('uniform') ? (['uniform'] as const) : [];
  const plains: Candidate[] = [];
  for (const schedule of new Set<ScheduleKind>([best, ...evenly])) {
    plains.push(await buildCandidate(calibrated, schedule, 'none'));
  }
  return plains;
}

async function withoutCache(calibrated: CalibratedModel): Promise<Choice> {
  const chosen = await buildWithoutCache(calibrated);
  const corrected = await withQuantizationCorrection(calibrated, chosen, calibrated.plan !== undefined);
  return { candidates: [chosen], chosen, plain: undefined, ...corrected };
}

async function bothGuidances(calibrated: CalibratedModel, computed: Candidate): Promise<Candidate[]> {
  const forecast = await withGuidanceForecast(calibrated, computed);
  return forecast ? [computed, forecast] : [computed];
}

function bestOf(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((best, next) => (mean(next.psnr) > mean(best.psnr) ? next : best));
}
