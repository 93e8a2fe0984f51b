import { FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import type { RgbImage } from '@cachequant/evaluate';
import { cloneModel, type OnnxModel } from '@cachequant/onnx';
import type { ActivationGridTable } from '@cachequant/quantizer';
import { finishUnlessAborted, type Storage, type TwoFold } from '@cachequant/tensor';
import type { CalibrationContext } from './calibration-context.js';
import type { DecisionRecord } from './decision-record.js';
import { formatOf, targetOf } from './format.js';
import { sitesOf, withObservers } from './graphs/cached-graphs.js';
import { type DenoiserGraphs, makeDenoiserGraphs } from './graphs/denoiser-graphs.js';
import { writeGraph, writeSharedWeights } from './graphs/float-graphs.js';
import { outlierInputs } from './graphs/outlier-inputs.js';
import type { LayerChoice, LayerDecision } from './layers/decision.js';
import { planLayers, plannedLayers } from './layers/layer-plan.js';
import type { PackedWeights } from './layers/packed-weights.js';
import { quantizeDenoiser } from './layers/quantize-denoiser.js';
import { observeAnchors } from './observe/observe-anchors.js';
import { type ObservedGraph, observeFull } from './observe/observe-full.js';
import { mergeShards } from './observe/shards.js';
import type { FloatTrajectory } from './observe/trajectory.js';
import { FLOAT_CACHED, FLOAT_FULL, FLOAT_OBSERVED, INTEGER_FULL } from './work/graph-files.js';
import type { ModelChanges } from './work/stage.js';
import type { StageRunner } from './work/stage-runner.js';

export { FLOAT_CACHED, FLOAT_FULL, INTEGER_FULL } from './work/graph-files.js';

/** What is known after the model was observed and its weights quantized, before a schedule is chosen. */
export interface CalibratedModel {
  readonly context: CalibrationContext;
  readonly runner: StageRunner;
  /** How it differs from what was observed (see `model-variants.ts`). */
  readonly changes: ModelChanges;
  /** Their large weights are in files of the work folder. */
  readonly graphs: DenoiserGraphs;
  readonly decisions: readonly LayerDecision[];
  /** What led to them; undefined where nothing was measured. */
  readonly layerChoice: LayerChoice | undefined;
  /** The plan that was given. */
  readonly plan: DecisionRecord | undefined;
  /** Undefined without integers. */
  readonly integers: { readonly packed: PackedWeights; readonly grids: ActivationGridTable } | undefined;
  /** Of the float model's cached tensor. */
  readonly features: TwoFold<FeatureMoments>;
  /** Of what a cached call is really given; the same as `features` without integers. */
  readonly anchors: TwoFold<FeatureMoments>;
  /** Pictures of the calibration images by the float model. */
  readonly references: readonly RgbImage[];
  readonly trajectory: FloatTrajectory;
  /** Final latents of the calibration images by the float model, one behind another. */
  readonly latents: Float32Array;
}

/** The graph to calibrate, its input sizes, and a plan to repeat. */
export interface CalibrationOptions {
  /** By input of the denoiser, at the batch that calibration runs. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
  readonly model: OnnxModel;
  /** Decides in place of measurements. */
  readonly plan?: DecisionRecord | undefined;
  /** Work folders in which all shards of the calibration images were observed; left out: they are observed here. */
  readonly shards?: readonly Storage[] | undefined;
}

/** A denoiser cut in two, its graphs in the work folder, and what is to be observed of it. */
export interface CutModel {
  readonly source: DenoiserGraphs;
  readonly possible: readonly LayerDecision[];
  readonly integers: boolean;
  readonly observed: ObservedGraph;
}

/** Cuts the model, in a stage of its own. */
export async function cutModel(
  context: CalibrationContext,
  runner: StageRunner,
  { inputDims, model, plan }: CalibrationOptions,
): Promise<CutModel> {
  const outliers = outlierInputs(context.calibration);
  const { cachedKeys, target } = context.recipe;
  const fewerCachedKeys = cachedKeys === 'every-second';
  const sizes = { inputDims, outliers, fewerCachedKeys, target: targetOf(target) };
  const graphs = makeDenoiserGraphs(model, sizes, plan?.cut ?? context.recipe.cut);
  const source = await finishUnlessAborted(graphs, context.signal);
  const possible = planLayers(source, context.recipe.keepFloat);
  const integers = formatOf(context.recipe) !== undefined;
  const planned = new Set(
    possible.filter(({ compute }) => integers && compute === 'integer').map(({ id }) => id),
  );
  // The same with a plan and without, since the positions that are sampled depend on them.
  const sites = sitesOf(source.full, planned);
  await runner.stage({ kind: 'cut' }, async () => {
    const [full, cached] = await writeSharedWeights(context.work, 'float/weights.bin', 'weights.bin', [
      source.full.model,
      source.cached.model,
    ]);
    await writeGraph(context.work, FLOAT_FULL, full!);
    await writeGraph(context.work, FLOAT_CACHED, cached!);
    const observed =
      sites.length > 0
        ? withObservers(full!, sites, source.full, context.calibration.length)
        : cloneModel(full!);
    await writeGraph(context.work, FLOAT_OBSERVED, observed);
    return {};
  });
  const { calls } = context.sampler;
  // A search may forecast any call from any two refreshes.
  const isSearched = context.recipe.schedules.includes('search');
  const window = isSearched ? calls : Math.min(calls, 4 * context.recipe.interval);
  return { source, possible, integers, observed: { graph: FLOAT_OBSERVED, sites, window } };
}

/** Cuts, observes and quantizes; every stage is read back if it was finished before. */
export async function calibrateModel(
  context: CalibrationContext,
  runner: StageRunner,
  options: CalibrationOptions,
): Promise<CalibratedModel> {
  const { plan, shards } = options;
  const { source, possible, integers, observed } = await cutModel(context, runner, options);
  const given = plan && plannedLayers(source, plan);
  const observation = await runner.stage({ kind: 'observe' }, () =>
    shards
      ? mergeShards(context, { observed, fingerprint: runner.fingerprint, shards })
      : observeFull(context, observed),
  );
  const references = await runner.stage({ kind: 'references' }, () => pictures(context, observation.latents));
  const quantized = integers
    ? await quantizeDenoiser(context, runner, source, { possible, given, observation })
    : undefined;
  const anchors = quantized
    ? await runner.stage({ kind: 'anchors' }, () =>
        observeAnchors(context, observation.trajectory, INTEGER_FULL, observed.window),
      )
    : observation.moments;
  return {
    context,
    runner,
    changes: [],
    graphs: quantized?.graphs ?? source,
    decisions: quantized?.decisions ?? given ?? possible,
    layerChoice: quantized?.choice,
    plan,
    integers: quantized && { packed: quantized.packed, grids: observation.grids! },
    features: restored(observation.moments),
    anchors: restored(anchors),
    references,
    trajectory: observation.trajectory,
    latents: observation.latents,
  };
}

async function pictures(context: CalibrationContext, latents: Float32Array): Promise<RgbImage[]> {
  const size = context.latentDims.reduce((product, dim) => product * dim, 1);
  const made: RgbImage[] = [];
  for (let at = 0; at < latents.length; at += size) {
    const data = latents.slice(at, at + size);
    made.push(await context.toPicture({ dtype: 'float32', dims: [1, ...context.latentDims], data }));
  }
  return made;
}

function restored([even, odd]: TwoFold<MomentsSnapshot>): TwoFold<FeatureMoments> {
  return [FeatureMoments.restore(even), FeatureMoments.restore(odd)];
}
