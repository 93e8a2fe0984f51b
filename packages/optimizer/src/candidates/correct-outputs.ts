import { AffineMoments, type AffineSnapshot, fitAffineCorrection } from '@cachequant/correction';
import { type OnnxModel, readWeight } from '@cachequant/onnx';
import type { OutputCorrection } from '@cachequant/quantizer';
import type { TwoFold } from '@cachequant/tensor';
import { type CalibratedModel, FLOAT_CACHED, FLOAT_FULL } from '../calibrated-model.js';
import { foldCorrection, integerForm } from '../graphs/cached-graphs.js';
import { exposeTensors, layersReadingCache } from '../graphs/corrected-layers.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import { type CorrectedLayer, observeOutputs } from '../observe/observe-outputs.js';
import { type Candidate, candidateKey } from './candidate.js';
import { calibrationPsnr, type Variant } from './variant.js';

/** What the quantization correction does for a layer, over the images it was fitted on. */
export interface OutputFit extends OutputCorrection {
  /** Mean squared error of the layer's output, integer against float, [calls]. */
  readonly errorBefore: Float64Array;
  readonly errorAfter: Float64Array;
}

/** The quantization correction of the layers that read the cached tensor, fitted and tried. */
export interface CorrectedOutputs {
  readonly fits: Readonly<Record<string, OutputFit>>;
  readonly variant: Variant;
  /** With it, in decibels, one for each calibration image. */
  readonly psnr: readonly number[];
}

/**
 * Fits the quantization correction along a candidate's schedule and measures what it brings, or reads back what
 * was measured before.
 *
 * Source: quantization part of the decoupled error correction, CacheQuant, https://arxiv.org/abs/2503.01323.
 * Differs: one fit for the whole output of a layer over a concatenation, not for the half that
 * comes from the cache, and without the layer's bias.
 * @returns undefined where no layer that reads the cached tensor is in integers
 */
export function correctOutputs(
  calibrated: CalibratedModel,
  candidate: Candidate,
): Promise<CorrectedOutputs | undefined> {
  const name = `outputs-${candidate.name}`;
  const stage = { kind: 'outputs', ...candidateKey(calibrated, candidate) } as const;
  return calibrated.runner.stage(stage, () => fitAndTry(calibrated, candidate, name));
}

async function fitAndTry(
  calibrated: CalibratedModel,
  candidate: Candidate,
  name: string,
): Promise<CorrectedOutputs | undefined> {
  const { context, graphs, integers } = calibrated;
  const corrected = await correctedLayers(calibrated);
  if (corrected.length === 0) return undefined;
  const names = corrected.map(({ layer }) => layer.output);
  const exposed = {
    floatFull: 'float/full-exposed.onnx',
    floatCached: 'float/cached-exposed.onnx',
    integerFull: 'int8/full-exposed.onnx',
    integerCached: 'int8/cached-exposed.onnx',
  };
  const integerCached = foldCorrection(graphs.cached.model, candidate.tables);
  const write = async (path: string, model: OnnxModel) => {
    exposeTensors(model.graph, names);
    await writeGraph(context.work, path, model);
  };
  await write(exposed.floatFull, await readGraph(context.work, FLOAT_FULL));
  await write(
    exposed.floatCached,
    foldCorrection(await readGraph(context.work, FLOAT_CACHED), candidate.tables),
  );
  await write(
    exposed.integerFull,
    integerForm(withOutputs(graphs.full.model, names), graphs.full, integers!),
  );
  await write(
    exposed.integerCached,
    integerForm(withOutputs(integerCached, names), graphs.cached, {
      packed: integers!.packed,
      grids: candidate.grids!,
    }),
  );
  const moments = await observeOutputs(
    context,
    calibrated.trajectory,
    exposed,
    candidate.refreshCalls,
    corrected,
  );
  const fits = Object.fromEntries(Object.entries(moments).map(([id, halves]) => [id, fitOutput(halves)]));
  return { fits, ...(await tryCorrection(calibrated, candidate, new Map(Object.entries(fits)), name)) };
}

async function tryCorrection(
  calibrated: CalibratedModel,
  candidate: Candidate,
  corrections: ReadonlyMap<string, OutputCorrection>,
  name: string,
): Promise<Pick<CorrectedOutputs, 'variant' | 'psnr'>> {
  const { context, graphs, integers } = calibrated;
  const variant: Variant = {
    full: `int8/full-${name}.onnx`,
    cached: { ...candidate.variant.cached!, graph: `int8/cached-${name}.onnx` },
  };
  const full = integerForm(graphs.full.model, graphs.full, { ...integers!, corrections });
  const cached = integerForm(foldCorrection(graphs.cached.model, candidate.tables), graphs.cached, {
    packed: integers!.packed,
    grids: candidate.grids!,
    corrections,
  });
  await writeGraph(context.work, variant.full, full);
  await writeGraph(context.work, variant.cached!.graph, cached);
  return { variant, psnr: await calibrationPsnr(context, variant, calibrated.references) };
}

async function correctedLayers({ graphs, integers }: CalibratedModel): Promise<CorrectedLayer[]> {
  const ids = layersReadingCache(graphs.cached).filter((id) => integers!.packed.compute.has(id));
  const found: CorrectedLayer[] = [];
  for (const id of ids) {
    const layer = graphs.cached.layers.find((candidate) => candidate.id === id)!;
    found.push({ layer, bias: layer.bias && ((await readWeight(layer.bias)).data as Float32Array) });
  }
  return found;
}

/** A copy whose tensors of these names are outputs, so that no rewriting passes over them. */
function withOutputs(model: OnnxModel, names: readonly string[]): OnnxModel {
  const copy = { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs] } };
  exposeTensors(copy.graph, names);
  return copy;
}

/** Least squares over all images, kept everywhere: the paper's fit, but without the bias (see `observeOutputs`). */
function fitOutput([even, odd]: TwoFold<AffineSnapshot>): OutputFit {
  const merged = AffineMoments.restore(even);
  merged.merge(AffineMoments.restore(odd));
  const { scale, offset, residual, residualUncorrected } = fitAffineCorrection(merged);
  return { scale, offset, errorBefore: residualUncorrected, errorAfter: residual };
}
