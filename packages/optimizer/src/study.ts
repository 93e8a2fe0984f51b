import { FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import type { RgbImage } from '@cachequant/evaluate';
import { cloneModel, type OnnxModel } from '@cachequant/onnx';
import type { ActivationGridTable } from '@cachequant/quantizer';
import { finishUnlessAborted, type TwoFold } from '@cachequant/tensor';
import { formatOf, wideBitsOf } from './format.js';
import { integerForm, sitesOf, withObservers } from './graphs/cached-graphs.js';
import { type DenoiserGraphs, makeDenoiserGraphs } from './graphs/denoiser-graphs.js';
import { writeGraph, writeSharedWeights } from './graphs/float-graphs.js';
import type { Laboratory } from './laboratory.js';
import type { LayerChoice, LayerDecision } from './layers/decision.js';
import { planLayers, plannedLayers, withFourBits } from './layers/layer-plan.js';
import { measureLayers } from './layers/measure-layers.js';
import { packWeights, withPackedFloats } from './layers/pack-weights.js';
import { type PackedWeights, sortPacked } from './layers/packed-weights.js';
import { roundedWeights, roundWeights } from './layers/round-weights.js';
import { removeTrial, trialWeights } from './layers/trial.js';
import { observeAnchors } from './observe/observe-anchors.js';
import { type FullObservation, observeFull } from './observe/observe-full.js';
import type { FloatTrajectory } from './observe/trajectory.js';
import type { BundlePlan } from './plan-file.js';
import { FLOAT_CACHED, FLOAT_FULL, FLOAT_OBSERVED, INTEGER_FULL } from './work/graph-files.js';
import type { StudyView } from './work/stage.js';
import type { StageRunner } from './work/stage-runner.js';

export { FLOAT_CACHED, FLOAT_FULL, INTEGER_FULL } from './work/graph-files.js';

/** What is known after the model was observed and its weights quantized, before a schedule is chosen. */
export interface Study {
  readonly lab: Laboratory;
  readonly runner: StageRunner;
  /** How it differs from what was observed (see `study-views.ts`). */
  readonly view: StudyView;
  /** Their large weights are in files of the work folder. */
  readonly graphs: DenoiserGraphs;
  readonly decisions: readonly LayerDecision[];
  /** What led to them; undefined where nothing was measured. */
  readonly layerChoice: LayerChoice | undefined;
  /** The plan that was given. */
  readonly plan: BundlePlan | undefined;
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

/** The graph to study, the input sizes it is studied at, and a plan to repeat. */
export interface StudyOptions {
  /** By input of the denoiser, at the batch that calibration runs. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
  readonly model: OnnxModel;
  /** Decides in place of measurements. */
  readonly plan?: BundlePlan | undefined;
}

/** Cuts, observes and quantizes; every stage is read back if it was finished before. */
export async function studyDenoiser(
  lab: Laboratory,
  runner: StageRunner,
  { inputDims, model, plan }: StudyOptions,
): Promise<Study> {
  const graphs = makeDenoiserGraphs(model, { inputDims }, plan?.cut ?? lab.recipe.cut);
  const source = await finishUnlessAborted(graphs, lab.signal);
  const possible = planLayers(source, lab.recipe.keepFloat);
  const given = plan && plannedLayers(source, plan);
  const integers = formatOf(lab.recipe) !== undefined;
  const planned = new Set(
    possible.filter(({ compute }) => integers && compute === 'integer').map(({ id }) => id),
  );
  // The same with a plan and without, since the positions that are sampled depend on them.
  const sites = sitesOf(source.full, planned);
  await runner.stage({ kind: 'cut' }, async () => {
    const [full, cached] = await writeSharedWeights(lab.work, 'float/weights.bin', 'weights.bin', [
      source.full.model,
      source.cached.model,
    ]);
    await writeGraph(lab.work, FLOAT_FULL, full!);
    await writeGraph(lab.work, FLOAT_CACHED, cached!);
    const observed =
      sites.length > 0 ? withObservers(full!, sites, source.full, lab.calibration.length) : cloneModel(full!);
    await writeGraph(lab.work, FLOAT_OBSERVED, observed);
    return {};
  });
  const window = Math.min(lab.sampler.calls, 4 * lab.recipe.interval);
  const observation = await runner.stage({ kind: 'observe' }, () =>
    observeFull(lab, FLOAT_OBSERVED, sites, window),
  );
  const references = await runner.stage({ kind: 'references' }, () => pictures(lab, observation.latents));
  const quantized = integers
    ? await quantizeFull(lab, runner, source, { possible, given, observation })
    : undefined;
  const anchors = quantized
    ? await runner.stage({ kind: 'anchors' }, () =>
        observeAnchors(lab, observation.trajectory, INTEGER_FULL, window),
      )
    : observation.moments;
  return {
    lab,
    runner,
    view: [],
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

interface Quantization {
  /** Every layer that can be in integers is. */
  readonly possible: readonly LayerDecision[];
  /** Left out: what is measured decides. */
  readonly given: readonly LayerDecision[] | undefined;
  readonly observation: FullObservation;
}

async function quantizeFull(
  lab: Laboratory,
  runner: StageRunner,
  graphs: DenoiserGraphs,
  { possible, given, observation }: Quantization,
) {
  const measured = given ? undefined : await measureLayers(lab, runner, graphs, { possible, observation });
  const decisions = given ?? withFourBits(measured?.decisions ?? possible, formatOf(lab.recipe));
  const rounded =
    lab.recipe.rounding === 'second-order'
      ? await roundWeights({ lab, runner, graphs, trajectory: observation.trajectory }, decisions)
      : {};
  const known = [roundedWeights(lab, rounded), trialWeights(lab, measured?.records ?? {})];
  const quantized = await runner.stage({ kind: 'quantize' }, async () => {
    const made = await packWeights(lab, graphs, decisions, {
      path: 'int8/weights.bin',
      bits: wideBitsOf(lab.recipe.target),
      known: async (decision) => (await known[0]!(decision)) ?? known[1]!(decision),
    });
    const full = withPackedFloats(graphs.full.model, made);
    const form = integerForm(full, graphs.full, {
      packed: sortPacked(made.records),
      grids: observation.grids!,
    });
    await writeGraph(lab.work, INTEGER_FULL, form);
    return made;
  });
  await removeTrial(lab);
  for (const { path } of Object.values(rounded)) await lab.work.remove(path);
  const withFloats = (graph: DenoiserGraphs['full']) => ({
    ...graph,
    model: withPackedFloats(graph.model, quantized),
  });
  return {
    graphs: { ...graphs, full: withFloats(graphs.full), cached: withFloats(graphs.cached) },
    decisions,
    choice: measured?.choice,
    packed: sortPacked(quantized.records),
  };
}

async function pictures(lab: Laboratory, latents: Float32Array): Promise<RgbImage[]> {
  const size = lab.latentDims.reduce((product, dim) => product * dim, 1);
  const made: RgbImage[] = [];
  for (let at = 0; at < latents.length; at += size) {
    const data = latents.slice(at, at + size);
    made.push(await lab.toPicture({ dtype: 'float32', dims: [1, ...lab.latentDims], data }));
  }
  return made;
}

function restored([even, odd]: TwoFold<MomentsSnapshot>): TwoFold<FeatureMoments> {
  return [FeatureMoments.restore(even), FeatureMoments.restore(odd)];
}
