import { cloneModel, liftOpset } from '@cachequant/onnx';
import { type ConditioningFamily, floatDenoiser, loadGraph } from '@cachequant/pipeline';
import { CacheQuantError, finishUnlessAborted, type Runtime, type Storage } from '@cachequant/tensor';
import type { DecisionRecord } from './decision-record.js';
import { type StructureEstimate, structureOf } from './estimate-structure.js';
import { formatOf } from './format.js';
import { type DenoiserGraphs, makeDenoiserGraphs } from './graphs/denoiser-graphs.js';
import { outlierInputs } from './graphs/outlier-inputs.js';
import { planLayers } from './layers/layer-plan.js';
import { momentWaves, roundingMultiplyAdds } from './observe/moment-waves.js';
import { MOMENT_CALLS } from './observe/observe-moments.js';
import type { CalibrationFeeds } from './prepare/calibration-feeds.js';
import type { ControlImages } from './prepare/control-images.js';
import type { GivenConditioning } from './prepare/given-conditioning.js';
import { type OpenCalibrationContext, openCalibrationContext } from './prepare/open-calibration-context.js';
import type { OptimizeOptions, Recipe } from './recipe.js';
import { measureImage } from './verify/measure-image.js';
import { describeKind } from './work/stage.js';

/** What an optimization will take, before it starts. */
export interface OptimizationEstimate extends Omit<StructureEstimate, 'weightBytes'> {
  readonly seconds: number;
  readonly calls: number;
  readonly refreshes: number;
  /** What is done, for people, with its calls counted in full float ones. */
  readonly stages: readonly { readonly name: string; readonly networkCalls: number }[];
}

/** A call with observers, or of both precisions, against a plain one; measured on U-Nets. */
const OBSERVED = 1.3;
const BOTH = 1.7;
/** Profiles of both precisions, inputs of all layers, and whole-network runs of about twenty graphs. */
const MEASURED = 100;
/**
 * Ways to ask that the calibration has not seen, and the way that it has, in images of as many calls: half and twice the
 * steps count as a half and as two.
 */
const CONDITIONS = 7.5;

/** Held-out images of each further size at most. */
const FEW = 4;

/** Estimates time, disk and memory from one timed image and the sizes of the files. */
export async function estimateOptimization(request: {
  readonly source: Storage;
  readonly runtime: Runtime;
  readonly options?: OptimizeOptions;
  readonly conditioning?: GivenConditioning;
  readonly families?: readonly ConditioningFamily[];
  readonly feeds?: CalibrationFeeds;
  readonly controlImages?: ControlImages;
  readonly plan?: DecisionRecord;
  readonly signal?: AbortSignal;
}): Promise<OptimizationEstimate> {
  const opened = await openCalibrationContext({ ...request, work: nowhere });
  try {
    const { context, prepared, inputDims } = opened;
    const { recipe } = context;
    const making = makeDenoiserGraphs(
      prepared.model,
      {
        inputDims,
        outliers: outlierInputs(context.calibration),
        fewerCachedKeys: recipe.cachedKeys === 'every-second',
      },
      recipe.cut,
    );
    const graphs = await finishUnlessAborted(making, request.signal);
    const { cut } = graphs;
    // Refuses what packing four bits would refuse.
    if (recipe.bits === 'w4a8') liftOpset(cloneModel(graphs.full.model));
    const rounding = planRounding(graphs, recipe);
    const perCall = await secondsPerCall(opened);
    const { calls } = context.sampler;
    const share = (context.refreshes + (calls - context.refreshes) * cut.cachedShare) / calls;
    const images = context.calibration.length;
    const schedules = request.plan ? 2 : recipe.schedules.length + 1;
    const integers = formatOf(recipe) !== undefined;
    const measures = integers && recipe.layers === 'measured' && !request.plan;
    const stages = [
      { name: describeKind('observe'), networkCalls: images * calls * OBSERVED },
      ...(measures ? [{ name: describeKind('layer-choice'), networkCalls: MEASURED }] : []),
      ...(integers ? [{ name: describeKind('anchors'), networkCalls: images * calls * BOTH }] : []),
      ...(rounding.passes > 0
        ? [{ name: describeKind('round'), networkCalls: images * rounding.passes * MOMENT_CALLS }]
        : []),
      { name: describeKind('candidate'), networkCalls: schedules * images * calls * share * (1 + OBSERVED) },
      ...(recipe.schedules.includes('search') && !request.plan
        ? [{ name: describeKind('search'), networkCalls: (60 * recipe.searchMinutes) / perCall }]
        : []),
      { name: describeKind('smoothing'), networkCalls: images * calls * (1 + 2 * share) },
      ...(opened.furtherSizes.length > 0
        ? [
            {
              name: describeKind('sizes'),
              networkCalls: opened.furtherSizes.length * FEW * calls * (1 + share),
            },
          ]
        : []),
      { name: describeKind('verify'), networkCalls: context.verification.length * calls * (1 + 2 * share) },
      {
        name: describeKind('off-calibration'),
        networkCalls: CONDITIONS * recipe.offCalibrationImages * calls * (1 + share),
      },
    ];
    const { weightBytes: _, ...structure } = structureOf(graphs, prepared.model, {
      keepFloat: recipe.keepFloat,
      measures,
    });
    return {
      seconds: stages.reduce((sum, { networkCalls }) => sum + networkCalls, 0) * perCall + rounding.seconds,
      ...structure,
      calls,
      refreshes: context.refreshes,
      stages,
    };
  } finally {
    await opened.dispose();
  }
}

/** Multiply-adds a second of rounding in JavaScript, on one core; measured. */
const ROUNDING_SPEED = 0.8e9;

/** Passes over the calibration images that second-order rounding makes, and what it takes beside them. */
function planRounding(
  { full }: DenoiserGraphs,
  recipe: Recipe,
): { readonly passes: number; readonly seconds: number } {
  const { rounding, keepFloat } = recipe;
  if (formatOf(recipe)?.weightBits !== 4 || rounding !== 'second-order') return { passes: 0, seconds: 0 };
  const chosen = new Set(
    planLayers({ full }, keepFloat)
      .filter(({ compute }) => compute === 'integer')
      .map(({ id }) => id),
  );
  const layers = full.layers.filter(({ id }) => chosen.has(id));
  return {
    passes: momentWaves(layers, full.shapes).length,
    seconds: roundingMultiplyAdds(layers) / ROUNDING_SPEED,
  };
}

/** A work folder that keeps nothing, so that an estimate leaves a stopped run as it is. */
const nowhere: Storage = {
  stat: async () => undefined,
  read: async (path) => {
    throw new CacheQuantError('storage', 'the file is missing', { where: path });
  },
  create: async () => ({ write: async () => {}, commit: async () => {}, abort: async () => {} }),
  list: async () => [],
  remove: async () => {},
  lock: async () => ({ release: async () => {} }),
};

async function secondsPerCall({ context, prepared }: OpenCalibrationContext): Promise<number> {
  const denoiser = floatDenoiser(
    await loadGraph(context.runtime, prepared.folder.storage, prepared.folder.denoiser.model),
  );
  try {
    const { calls } = await measureImage(context, denoiser, context.calibration[0]!);
    return calls.reduce((sum, { ms }) => sum + ms, 0) / calls.length / 1000;
  } finally {
    await denoiser.dispose();
  }
}
