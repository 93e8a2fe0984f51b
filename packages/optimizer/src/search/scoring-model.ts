import { chooseShrinkage, fitCache, mergedMoments } from '@cachequant/pipeline/internals';
import { uniformSchedule } from '@cachequant/scheduler';
import { finishUnlessAborted, type Session } from '@cachequant/tensor';
import { type CalibratedModel, FLOAT_CACHED, FLOAT_FULL, INTEGER_FULL } from '../calibrated-model.js';
import { withGraphs } from '../calibration-context.js';
import { forecastsGuidance, gridsAlong } from '../candidates/candidate.js';
import { integerForm } from '../graphs/cached-graphs.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import type { KnownRun } from './float-run.js';
import type { ScoringModel } from './plan-scores.js';

/** Loads what plans are sampled with, for as long as `use` takes. */
export async function withScoringModel<T>(
  calibrated: CalibratedModel,
  run: KnownRun,
  use: (model: ScoringModel) => Promise<T>,
): Promise<T> {
  const full = calibrated.integers ? INTEGER_FULL : FLOAT_FULL;
  const cached = await scoringGraph(calibrated);
  return withGraphs(calibrated.context, { full, cached }, async (sessions) =>
    use(await scoringModel(calibrated, run, sessions)),
  );
}

/** The cached graph without tables; in integers with grids of every call. */
async function scoringGraph(calibrated: CalibratedModel): Promise<string> {
  const { context, graphs, integers } = calibrated;
  if (!integers) return FLOAT_CACHED;
  const float = await readGraph(context.work, FLOAT_CACHED);
  const evenly = uniformSchedule(context.sampler.calls, context.refreshes);
  const grids = await gridsAlong(calibrated, 'search', float, evenly, true);
  const path = 'int8/cached-search.onnx';
  await writeGraph(
    context.work,
    path,
    integerForm(graphs.cached.model, graphs.cached, { packed: integers.packed, grids }),
  );
  return path;
}

async function scoringModel(
  calibrated: CalibratedModel,
  run: KnownRun,
  { full, cached }: { readonly full: Session; readonly cached: Session },
): Promise<ScoringModel> {
  const { context } = calibrated;
  const evenly = uniformSchedule(context.sampler.calls, context.refreshes);
  const shrinkage = await finishUnlessAborted(chooseShrinkage(evenly, calibrated.anchors), context.signal);
  const moments = {
    features: mergedMoments(calibrated.features),
    anchors: mergedMoments(calibrated.anchors),
    shrinkage,
  };
  return {
    full,
    cached,
    run,
    guidance: forecastsGuidance(context) ? 'forecast' : 'computed',
    tablesOf: (refreshCalls) => fitCache('forecast', refreshCalls, moments),
  };
}
