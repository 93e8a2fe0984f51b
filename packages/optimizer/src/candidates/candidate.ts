import type { ForecastTables } from '@cachequant/correction';
import type { OnnxModel } from '@cachequant/onnx';
import {
  type CacheCorrectionKind,
  chooseShrinkage,
  fitCacheOn,
  isGuided,
  makeSchedule,
  mergedMoments,
  type ScheduleKind,
} from '@cachequant/pipeline/internals';
import type { ActivationGridTable } from '@cachequant/quantizer';
import { uniformSchedule } from '@cachequant/scheduler';
import { finishUnlessAborted } from '@cachequant/tensor';
import { foldCorrection, integerForm, sitesOf, withObservers } from '../graphs/cached-graphs.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import { observeCached } from '../observe/observe-cached.js';
import { FLOAT_CACHED, FLOAT_FULL, INTEGER_FULL, type Study } from '../study.js';
import { type CandidateKey, candidateName, uncachedName } from '../work/stage.js';
import { fitGuidanceReach } from './fit-guidance-reach.js';
import { studyAt } from './study-views.js';
import { calibrationPsnr, type Variant } from './variant.js';

/** One schedule with its correction, built and measured on the calibration images. */
export interface Candidate {
  /** Tells its files and stages apart from those of other candidates. */
  readonly name: string;
  readonly schedule: ScheduleKind;
  readonly correction: CacheCorrectionKind;
  readonly refreshSteps: readonly number[];
  readonly tables: ForecastTables;
  /** Of the cached graph; undefined in float. */
  readonly grids: ActivationGridTable | undefined;
  readonly variant: Variant;
  /** In decibels, one for each calibration image. */
  readonly psnr: readonly number[];
}

/**
 * Builds the graphs of a schedule and measures them, or reads back what was measured before.
 * @param refreshSteps left out: planned from what was observed
 */
export function buildCandidate(
  study: Study,
  schedule: ScheduleKind,
  correction: CacheCorrectionKind,
  refreshSteps?: readonly number[],
): Promise<Candidate> {
  const key = { view: study.view, schedule, correction, guidance: 'computed' } as const;
  return study.runner.stage({ kind: 'candidate', ...key }, async () => {
    const steps = refreshSteps ?? (await planSchedule(study, schedule, study.lab.refreshes));
    return measure(study, { schedule, correction, name: candidateName(key), refreshSteps: steps });
  });
}

/**
 * A candidate whose cached calls compute the conditional half alone, with the forecast of the guidance fitted,
 * measured on the same graphs.
 * @returns undefined where there is no guidance, or the recipe wants both halves
 */
export async function withGuidanceForecast(
  study: Study,
  candidate: Candidate,
): Promise<Candidate | undefined> {
  const { lab, runner, references } = study;
  const guided = isGuided(lab.guidanceScale) && lab.calibration[0]?.unconditional !== undefined;
  if (!guided || lab.recipe.guidance === 'computed') return undefined;
  const key = { ...candidateKey(study, candidate), guidance: 'forecast' } as const;
  const cached = { ...candidate.variant.cached!, guidance: 'forecast' } as const;
  const made = await runner.stage({ kind: 'candidate', ...key }, async () => {
    const unfitted = { ...candidate.variant, cached };
    const guidanceReach = await fitGuidanceReach(study, unfitted);
    const variant = { ...unfitted, cached: { ...cached, guidanceReach } };
    return { variant, psnr: await calibrationPsnr(lab, variant, references) };
  });
  return { ...candidate, name: candidateName(key), ...made };
}

/** What tells a candidate of a study from others. */
export function candidateKey({ view }: Study, { schedule, correction, variant }: Candidate): CandidateKey {
  return { view, schedule, correction, guidance: variant.cached?.guidance ?? 'computed' };
}

type CandidateSpec = Pick<Candidate, 'name' | 'schedule' | 'correction' | 'refreshSteps'>;

/**
 * Every call in full: what is left where no cache pays. Its cached graph, whose weights are those of the full one
 * too, belongs to it but never runs.
 */
export function buildWithoutCache(study: Study): Promise<Candidate> {
  const { view } = study;
  return study.runner.stage({ kind: 'without-cache', view }, async () => {
    const short = studyAt(study, SHORTEST_INTERVAL);
    const made = await makeGraphs(short, {
      schedule: 'uniform',
      correction: 'none',
      name: uncachedName(view),
      refreshSteps: await planSchedule(short, 'uniform', short.lab.refreshes),
    });
    const refreshSteps = study.lab.sampler.timesteps.map((_, call) => call);
    const variant = { ...made.variant, cached: { ...made.variant.cached!, refreshSteps } };
    const psnr = await calibrationPsnr(study.lab, variant, study.references);
    return { ...made, refreshSteps, variant, psnr };
  });
}

const SHORTEST_INTERVAL = 2;

async function measure(study: Study, spec: CandidateSpec): Promise<Candidate> {
  const made = await makeGraphs(study, spec);
  const psnr = await calibrationPsnr(study.lab, made.variant, study.references);
  return { ...made, psnr };
}

async function makeGraphs(
  study: Study,
  { name, schedule, correction, refreshSteps }: CandidateSpec,
): Promise<Omit<Candidate, 'psnr'>> {
  const { lab } = study;
  const tables = await finishUnlessAborted(fitCacheOn(correction, refreshSteps, study), lab.signal);
  const cached = await readGraph(lab.work, FLOAT_CACHED);
  const float = foldCorrection(cached, tables);
  const anchors = tables.a1.some((value) => value !== 0) ? 2 : 1;
  const grids = study.integers && (await gridsAlong(study, name, float, refreshSteps));
  const graph = study.integers ? `int8/cached-${name}.onnx` : `float/cached-${name}.onnx`;
  const model = study.integers
    ? integerForm(foldCorrection(study.graphs.cached.model, tables), study.graphs.cached, {
        packed: study.integers.packed,
        grids: grids!,
      })
    : float;
  await writeGraph(lab.work, graph, model);
  const variant: Variant = {
    full: study.integers ? INTEGER_FULL : FLOAT_FULL,
    cached: { graph, refreshSteps, anchors },
  };
  return { name, schedule, correction, refreshSteps, tables, grids, variant };
}

/** Refresh steps of one kind, from what was observed. */
export async function planSchedule(study: Study, kind: ScheduleKind, refreshes: number): Promise<number[]> {
  const { signal } = study.lab;
  const { calls } = study.lab.sampler;
  const { interval } = study.lab.recipe;
  const uniform = uniformSchedule(calls, refreshes);
  if (kind === 'uniform') return uniform;
  const shrinkage = await finishUnlessAborted(chooseShrinkage(uniform, study.anchors), signal);
  const schedule = makeSchedule(kind, {
    calls,
    interval,
    refreshes,
    distances: mergedMoments(study.features).distanceTable(),
    anchors: mergedMoments(study.anchors),
    shrinkage,
  });
  return finishUnlessAborted(schedule, signal);
}

async function gridsAlong(
  study: Study,
  name: string,
  float: OnnxModel,
  refreshSteps: readonly number[],
): Promise<ActivationGridTable> {
  const { lab, graphs, integers } = study;
  const sites = sitesOf(graphs.cached, integers!.packed);
  // Every layer of a small cached graph may have measured faster in float.
  if (sites.length === 0) {
    const { calls } = lab.sampler;
    return { calls, sites, scales: new Float32Array(), zeroPoints: new Uint8Array() };
  }
  const cached = `float/cached-${name}-observed.onnx`;
  await writeGraph(lab.work, cached, withObservers(float, sites, graphs.cached, lab.calibration.length));
  return observeCached(lab, study.trajectory, { graph: cached, refreshSteps, sites });
}
