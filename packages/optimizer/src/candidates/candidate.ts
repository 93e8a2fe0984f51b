import type { ForecastTables } from '@cachequant/correction';
import type { OnnxModel } from '@cachequant/onnx';
import type { CacheCorrectionKind, ScheduleKind } from '@cachequant/pipeline';
import {
  chooseShrinkage,
  fitCacheOn,
  isGuided,
  makeSchedule,
  mergedMoments,
} from '@cachequant/pipeline/internals';
import type { ActivationGridTable } from '@cachequant/quantizer';
import { uniformSchedule } from '@cachequant/scheduler';
import { finishUnlessAborted } from '@cachequant/tensor';
import { type CalibratedModel, FLOAT_CACHED, FLOAT_FULL, INTEGER_FULL } from '../calibrated-model.js';
import type { CalibrationContext } from '../calibration-context.js';
import { foldCorrection, integerForm, sitesOf, withObservers } from '../graphs/cached-graphs.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import { observeCached } from '../observe/observe-cached.js';
import type { ChosenCalls, ScheduleChoice } from '../search/schedule-choices.js';
import { type CandidateKey, candidateName, uncachedName } from '../work/stage.js';
import { fitGuidanceExtrapolation } from './fit-guidance-extrapolation.js';
import { atInterval } from './model-variants.js';
import { calibrationPsnr, type Variant } from './variant.js';

/** One schedule with its correction, built and measured on the calibration images. */
export interface Candidate {
  /** Tells its files and stages apart from those of other candidates. */
  readonly name: string;
  readonly schedule: ScheduleChoice;
  readonly correction: CacheCorrectionKind;
  readonly refreshCalls: readonly number[];
  readonly tables: ForecastTables;
  /** Of the cached graph; undefined in float. */
  readonly grids: ActivationGridTable | undefined;
  readonly variant: Variant;
  /** In decibels, one for each calibration image. */
  readonly psnr: readonly number[];
}

/**
 * Builds the graphs of a schedule and measures them, or reads back what was measured before.
 * @param refreshCalls left out: planned from what was observed
 */
export function buildCandidate(
  calibrated: CalibratedModel,
  schedule: ScheduleKind,
  correction: CacheCorrectionKind,
  refreshCalls?: readonly number[],
): Promise<Candidate> {
  const key = { changes: calibrated.changes, schedule, correction, guidance: 'computed' } as const;
  return calibrated.runner.stage({ kind: 'candidate', ...key }, async () => {
    const steps = refreshCalls ?? (await planSchedule(calibrated, schedule, calibrated.context.refreshes));
    return measure(calibrated, { schedule, correction, name: candidateName(key), refreshCalls: steps });
  });
}

/**
 * A candidate of calls that were searched for, with guidance as the search had it: forecast at cached calls, and fitted,
 * where there is guidance and the recipe does not want both halves.
 */
export function buildSearchedCandidate(calibrated: CalibratedModel, calls: ChosenCalls): Promise<Candidate> {
  const guidance = forecastsGuidance(calibrated.context) ? 'forecast' : 'computed';
  const schedule = { schedule: 'search', correction: 'forecast' } as const;
  const key = { changes: calibrated.changes, ...schedule, guidance } as const;
  return calibrated.runner.stage({ kind: 'candidate', ...key }, async () => {
    const { refreshCalls, conditionalRefreshes = [], timesteps } = calls;
    const made = await makeGraphs(calibrated, { ...schedule, name: candidateName(key), refreshCalls });
    const variant: Variant = {
      ...made.variant,
      ...(timesteps && { timesteps }),
      cached: {
        ...made.variant.cached!,
        ...(conditionalRefreshes.length > 0 && { conditionalRefreshes }),
        ...(guidance === 'forecast' && { guidance }),
      },
    };
    if (guidance === 'forecast') return { ...made, ...(await fittedForecast(calibrated, variant)) };
    const psnr = await calibrationPsnr(calibrated.context, variant, calibrated.references);
    return { ...made, variant, psnr };
  });
}

/** Whether cached calls may compute the conditional half alone. */
export function forecastsGuidance({ guidanceScale, calibration, recipe }: CalibrationContext): boolean {
  const guided = isGuided(guidanceScale) && calibration[0]?.unconditional !== undefined;
  return guided && recipe.guidance !== 'computed';
}

/**
 * A candidate whose cached calls compute the conditional half alone, with the forecast of the guidance fitted,
 * measured on the same graphs.
 * @returns undefined where there is no guidance, or the recipe wants both halves
 */
export async function withGuidanceForecast(
  calibrated: CalibratedModel,
  candidate: Candidate,
): Promise<Candidate | undefined> {
  const { context, runner } = calibrated;
  if (!forecastsGuidance(context)) return undefined;
  const key = { ...candidateKey(calibrated, candidate), guidance: 'forecast' } as const;
  const cached = { ...candidate.variant.cached!, guidance: 'forecast' } as const;
  const made = await runner.stage({ kind: 'candidate', ...key }, async () => {
    return fittedForecast(calibrated, { ...candidate.variant, cached });
  });
  return { ...candidate, name: candidateName(key), ...made };
}

async function fittedForecast(
  calibrated: CalibratedModel,
  unfitted: Variant,
): Promise<Pick<Candidate, 'variant' | 'psnr'>> {
  const guidanceExtrapolation = await fitGuidanceExtrapolation(calibrated, unfitted);
  const variant = { ...unfitted, cached: { ...unfitted.cached!, guidanceExtrapolation } };
  return { variant, psnr: await calibrationPsnr(calibrated.context, variant, calibrated.references) };
}

/** What tells a candidate of a calibrated model from others. */
export function candidateKey(
  { changes }: CalibratedModel,
  { schedule, correction, variant }: Candidate,
): CandidateKey {
  return { changes, schedule, correction, guidance: variant.cached?.guidance ?? 'computed' };
}

type CandidateSpec = Pick<Candidate, 'name' | 'schedule' | 'correction' | 'refreshCalls'>;

/**
 * Every call in full: what is left where no cache pays. Its cached graph, whose weights are those of the full one
 * too, belongs to it but never runs.
 */
export function buildWithoutCache(calibrated: CalibratedModel): Promise<Candidate> {
  const { changes } = calibrated;
  return calibrated.runner.stage({ kind: 'without-cache', changes }, async () => {
    const short = atInterval(calibrated, SHORTEST_INTERVAL);
    const made = await makeGraphs(short, {
      schedule: 'uniform',
      correction: 'none',
      name: uncachedName(changes),
      refreshCalls: await planSchedule(short, 'uniform', short.context.refreshes),
    });
    const refreshCalls = calibrated.context.sampler.timesteps.map((_, call) => call);
    const variant = { ...made.variant, cached: { ...made.variant.cached!, refreshCalls } };
    const psnr = await calibrationPsnr(calibrated.context, variant, calibrated.references);
    return { ...made, refreshCalls, variant, psnr };
  });
}

const SHORTEST_INTERVAL = 2;

async function measure(calibrated: CalibratedModel, spec: CandidateSpec): Promise<Candidate> {
  const made = await makeGraphs(calibrated, spec);
  const psnr = await calibrationPsnr(calibrated.context, made.variant, calibrated.references);
  return { ...made, psnr };
}

async function makeGraphs(
  calibrated: CalibratedModel,
  { name, schedule, correction, refreshCalls }: CandidateSpec,
): Promise<Omit<Candidate, 'psnr'>> {
  const { context } = calibrated;
  const tables = await finishUnlessAborted(fitCacheOn(correction, refreshCalls, calibrated), context.signal);
  const cached = await readGraph(context.work, FLOAT_CACHED);
  const float = foldCorrection(cached, tables);
  const anchors = tables.a1.some((value) => value !== 0) ? 2 : 1;
  const grids = calibrated.integers && (await gridsAlong(calibrated, name, float, refreshCalls));
  const graph = calibrated.integers ? `int8/cached-${name}.onnx` : `float/cached-${name}.onnx`;
  const model = calibrated.integers
    ? integerForm(foldCorrection(calibrated.graphs.cached.model, tables), calibrated.graphs.cached, {
        packed: calibrated.integers.packed,
        grids: grids!,
      })
    : float;
  await writeGraph(context.work, graph, model);
  const variant: Variant = {
    full: calibrated.integers ? INTEGER_FULL : FLOAT_FULL,
    cached: { graph, refreshCalls, anchors },
  };
  return { name, schedule, correction, refreshCalls, tables, grids, variant };
}

/** Refresh calls of one kind, from what was observed. */
export async function planSchedule(
  calibrated: CalibratedModel,
  kind: ScheduleKind,
  refreshes: number,
): Promise<number[]> {
  const { signal } = calibrated.context;
  const { calls } = calibrated.context.sampler;
  const { interval } = calibrated.context.recipe;
  const uniform = uniformSchedule(calls, refreshes);
  if (kind === 'uniform') return uniform;
  const shrinkage = await finishUnlessAborted(chooseShrinkage(uniform, calibrated.anchors), signal);
  const schedule = makeSchedule(kind, {
    calls,
    interval,
    refreshes,
    distances: mergedMoments(calibrated.features).distanceTable(),
    anchors: mergedMoments(calibrated.anchors),
    shrinkage,
  });
  return finishUnlessAborted(schedule, signal);
}

/**
 * Activation grids of a cached graph in float, along a schedule.
 * @param everyCall also at the refreshes, for schedules that are not known yet
 */
export async function gridsAlong(
  calibrated: CalibratedModel,
  name: string,
  float: OnnxModel,
  refreshCalls: readonly number[],
  everyCall = false,
): Promise<ActivationGridTable> {
  const { context, graphs, integers } = calibrated;
  const sites = sitesOf(graphs.cached, integers!.packed);
  // Every layer of a small cached graph may have measured faster in float.
  if (sites.length === 0) {
    const { calls } = context.sampler;
    return { calls, sites, scales: new Float32Array(), zeroPoints: new Uint8Array() };
  }
  const cached = `float/cached-${name}-observed.onnx`;
  await writeGraph(
    context.work,
    cached,
    withObservers(float, sites, graphs.cached, context.calibration.length),
  );
  return observeCached(context, calibrated.trajectory, { graph: cached, refreshCalls, everyCall, sites });
}
