import { meanOf as mean } from '@cachequant/evaluate';
import type { ScheduleKind } from '@cachequant/pipeline/internals';
import { type BundlePlan, plannedSchedule } from '../plan-file.js';
import type { Study } from '../study.js';
import type { Candidate } from './candidate.js';
import { buildCandidate, buildWithoutCache, withGuidanceForecast } from './candidate.js';
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
export async function chooseVariant(study: Study): Promise<Choice> {
  if (study.lab.recipe.interval === 1) return withoutCache(study);
  return study.plan ? plannedChoice(study, study.plan) : measuredChoice(study);
}

/** What a plan has chosen, built and measured again; nothing else is tried. */
async function plannedChoice(study: Study, plan: BundlePlan): Promise<Choice> {
  const { schedule, correction, refreshSteps, guidance } = plannedSchedule(plan, study.lab.sampler.calls);
  const computed = await buildCandidate(study, schedule, correction, refreshSteps);
  const chosen = (guidance === 'forecast' && (await withGuidanceForecast(study, computed))) || computed;
  const plain =
    correction === 'none' ? undefined : await buildCandidate(study, schedule, 'none', refreshSteps);
  return { candidates: [chosen], chosen, plain, ...(await withQuantizationCorrection(study, chosen, true)) };
}

async function measuredChoice(study: Study): Promise<Choice> {
  const { recipe } = study.lab;
  const correction = recipe.cacheCorrection === 'auto' ? 'forecast' : recipe.cacheCorrection;
  const candidates: Candidate[] = [];
  for (const schedule of recipe.schedules) {
    candidates.push(...(await bothGuidances(study, await buildCandidate(study, schedule, correction))));
  }
  const plains = correction === 'none' ? [] : await plainCandidates(study, bestOf(candidates).schedule);
  for (const plain of recipe.cacheCorrection === 'auto' ? plains : []) {
    candidates.push(...(await bothGuidances(study, plain)));
  }
  const chosen = bestOf(candidates);
  const plain = plains.find(({ schedule }) => schedule === chosen.schedule);
  return {
    candidates,
    chosen,
    plain: chosen === plain ? undefined : plain,
    ...(await withQuantizationCorrection(study, chosen, recipe.recipe === 'paper')),
  };
}

/** What becomes of the quantization correction: it is kept where the pictures get better by it, or in any case. */
async function withQuantizationCorrection(
  study: Study,
  chosen: Candidate,
  inAnyCase: boolean,
): Promise<Pick<Choice, 'quantization' | 'quantizationKept' | 'variant'>> {
  const quantization = await correctQuantization(study, chosen);
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
  study: Study,
  chosen: Candidate,
): Promise<QuantizationCorrection | undefined> {
  const { recipe } = study.lab;
  if (study.integers === undefined || recipe.cacheCorrection === 'none') return undefined;
  if (study.plan !== undefined && study.plan.quantizationCorrection?.kept !== true) return undefined;
  if (recipe.recipe !== 'paper') return { kind: 'smoothing', ...(await smoothPredictions(study, chosen)) };
  const corrected = await correctOutputs(study, chosen);
  return corrected && { kind: 'outputs', ...corrected };
}

/** Plain reuse on the best schedule, and on evenly spaced refreshes, where little can be forecast over long groups. */
async function plainCandidates(study: Study, best: ScheduleKind): Promise<Candidate[]> {
  const { schedules, cacheCorrection } = study.lab.recipe;
  const evenly = cacheCorrection === 'auto' && schedules.includes('uniform') ? (['uniform'] as const) : [];
  const plains: Candidate[] = [];
  for (const schedule of new Set<ScheduleKind>([best, ...evenly])) {
    plains.push(await buildCandidate(study, schedule, 'none'));
  }
  return plains;
}

async function withoutCache(study: Study): Promise<Choice> {
  const chosen = await buildWithoutCache(study);
  const corrected = await withQuantizationCorrection(study, chosen, study.plan !== undefined);
  return { candidates: [chosen], chosen, plain: undefined, ...corrected };
}

async function bothGuidances(study: Study, computed: Candidate): Promise<Candidate[]> {
  const forecast = await withGuidanceForecast(study, computed);
  return forecast ? [computed, forecast] : [computed];
}

function bestOf(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((best, next) => (mean(next.psnr) > mean(best.psnr) ? next : best));
}
