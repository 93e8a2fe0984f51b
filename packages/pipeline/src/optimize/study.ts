import { FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import { cloneModel } from '@cachequant/onnx';
import type { ActivationGridTable } from '@cachequant/quantizer';
import type { RgbImage } from '../images/rgb-image.js';
import { integerForm, SAMPLES_KEPT, sitesOf, withObservers } from './cached-graphs.js';
import { type DenoiserGraphs, makeDenoiserGraphs } from './denoiser-graphs.js';
import { writeGraph, writeSharedWeights } from './float-graphs.js';
import type { Laboratory } from './laboratory.js';
import { type LayerDecision, planLayers } from './layer-plan.js';
import { observeAnchors } from './observe-anchors.js';
import { observeFull } from './observe-full.js';
import { type PackedRecord, type PackedWeights, packWeights, sortPacked } from './pack-weights.js';
import type { StageRunner } from './stages.js';
import type { FloatTrajectory } from './trajectory.js';

export const FLOAT_FULL = 'float/full.onnx';
export const FLOAT_CACHED = 'float/cached.onnx';
export const INTEGER_FULL = 'int8/full.onnx';
const FLOAT_OBSERVED = 'float/full-observed.onnx';

export type MomentHalves = readonly [FeatureMoments, FeatureMoments];

/** What is known after the model was observed and its weights quantized, before a schedule is chosen. */
export interface Study {
  readonly lab: Laboratory;
  readonly runner: StageRunner;
  /** Their large weights are in files of the work folder. */
  readonly graphs: DenoiserGraphs;
  readonly decisions: readonly LayerDecision[];
  /** Undefined without integers. */
  readonly integers: { readonly packed: PackedWeights; readonly grids: ActivationGridTable } | undefined;
  /** Of the float model's cached tensor. */
  readonly features: MomentHalves;
  /** Of what a cached call is really given; the same as `features` without integers. */
  readonly anchors: MomentHalves;
  /** Pictures of the calibration images by the float model. */
  readonly references: readonly RgbImage[];
  readonly trajectory: FloatTrajectory;
  /** Final latents of the calibration images by the float model, one behind another. */
  readonly latents: Float32Array;
}

/** Cuts, observes and quantizes; every stage is read back if it was finished before. */
export async function studyDenoiser(
  lab: Laboratory,
  runner: StageRunner,
  inputDims: Readonly<Record<string, readonly number[]>>,
  model: Parameters<typeof makeDenoiserGraphs>[0],
): Promise<Study> {
  const source = makeDenoiserGraphs(model, { inputDims }, lab.recipe.cut);
  const decisions = planLayers(source, lab.recipe.keepFloat);
  const integers = lab.recipe.bits === 'w8a8';
  const planned = new Set(
    decisions.filter(({ compute }) => integers && compute === 'integer').map(({ id }) => id),
  );
  const sites = sitesOf(source.full, planned);
  await runner.stage('cut', async () => {
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
  const observation = await runner.stage('observe', () =>
    observeFull(lab, FLOAT_OBSERVED, sites, window, SAMPLES_KEPT),
  );
  const references = await runner.stage('references', () => pictures(lab, observation.latents));
  const packed = integers
    ? await quantizeFull(lab, runner, source, decisions, observation.grids!)
    : undefined;
  const anchors = packed
    ? await runner.stage('anchors', () => observeAnchors(lab, observation.trajectory, INTEGER_FULL, window))
    : observation.moments;
  return {
    lab,
    runner,
    graphs: source,
    decisions,
    integers: packed && { packed, grids: observation.grids! },
    features: restored(observation.moments),
    anchors: restored(anchors),
    references,
    trajectory: observation.trajectory,
    latents: observation.latents,
  };
}

async function quantizeFull(
  lab: Laboratory,
  runner: StageRunner,
  graphs: DenoiserGraphs,
  decisions: readonly LayerDecision[],
  grids: ActivationGridTable,
): Promise<PackedWeights> {
  const bits = lab.recipe.target === 'vnni' ? 8 : 7;
  const records: Record<string, PackedRecord> = await runner.stage('quantize', async () => {
    const made = await packWeights(lab, graphs, decisions, bits);
    const full = integerForm(graphs.full.model, graphs.full, { packed: sortPacked(made), grids });
    await writeGraph(lab.work, INTEGER_FULL, full);
    return made;
  });
  return sortPacked(records);
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

function restored([even, odd]: readonly [MomentsSnapshot, MomentsSnapshot]): MomentHalves {
  return [FeatureMoments.restore(even), FeatureMoments.restore(odd)];
}
