import { meanOf } from '@cachequant/evaluate';
import {
  CALL_INDEX_INPUT,
  inferShapes,
  type OnnxModel,
  toHalfPrecision,
  unfuseAttention,
} from '@cachequant/onnx';
import { fitCacheOn } from '@cachequant/pipeline/internals';
import { toFloatGraph } from '@cachequant/quantizer';
import { finishUnlessAborted } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import { CACHE_NAME, PREVIOUS_CACHE_NAME } from '../calibration-context.js';
import { foldCorrection } from '../graphs/cached-graphs.js';
import type { AnalyzedGraph, DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import { FLOAT_CACHED, FLOAT_FULL } from '../work/graph-files.js';
import type { Choice } from './choose-variant.js';
import { calibrationPsnr, type Variant, type VariantLoading } from './variant.js';

export const FLOAT_PRECISIONS = ['float32', 'float16'] as const;
export type FloatPrecision = (typeof FLOAT_PRECISIONS)[number];

/** Graphs that compute in float over the weights of the chosen variant, for backends without integer kernels. */
export interface FloatVariant {
  readonly precision: FloatPrecision;
  readonly variant: Variant;
  /** On the runtime of the optimization, in decibels, mean over a few calibration images. */
  readonly psnr: number;
  /** Of the largest weight or activation of both graphs. */
  readonly largestTensorBytes: number;
}

/** `auto` keeps float graphs up to this share of the denoiser without them. */
const KEPT_SHARE = 0.1;

/** What became of the float graphs. */
export interface FloatGraphs {
  readonly kept: readonly FloatVariant[];
  /** Of their files, whether they were kept or not; 0 where none were made. */
  readonly bytes: number;
}

/** Keeps the float graphs that were made, unless they take too large a share of the bundle's denoiser. */
export async function chooseFloatVariants(
  { context }: CalibratedModel,
  { variant }: Choice,
  made: readonly FloatVariant[],
): Promise<FloatGraphs> {
  const filesOf = ({ full, cached }: Variant) => [full, cached!.graph];
  const sizeOfFiles = async (paths: readonly string[]) => {
    const stats = await Promise.all(paths.map((path) => context.work.stat(path)));
    return stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0);
  };
  const bytes = await sizeOfFiles(made.flatMap((one) => filesOf(one.variant)));
  const weights = `${variant.full.slice(0, variant.full.lastIndexOf('/'))}/weights.bin`;
  const denoiser = await sizeOfFiles([...filesOf(variant), weights]);
  const keep = context.recipe.floatGraphs === 'always' || bytes <= KEPT_SHARE * denoiser;
  return { kept: keep ? made : [], bytes };
}

/** Optimized graphs would hold all weights in float, four or eight times what they are on disk. */
const AS_WRITTEN: VariantLoading = { optimization: 'disabled' };

/** As many calibration images as tell a graph that is wrong from one that is right. */
const CHECKED_IMAGES = 2;

/**
 * Writes float graphs over the weights of the bundle and checks them. The cache correction is fitted to the float
 * model's own features, since activations are not rounded; for the same reason there is no quantization correction.
 * A bundle in float runs everywhere as it is, and gets graphs in half precision alone.
 */
export async function makeFloatVariants(
  calibrated: CalibratedModel,
  choice: Choice,
): Promise<readonly FloatVariant[]> {
  if (calibrated.context.recipe.floatGraphs === 'never') return [];
  return calibrated.runner.stage({ kind: 'float-variants', changes: calibrated.changes }, async () => {
    const graphs = await floatGraphs(calibrated, choice);
    const made: FloatVariant[] = [];
    for (const precision of calibrated.integers ? FLOAT_PRECISIONS : (['float16'] as const)) {
      made.push(await makeVariant(calibrated, choice, graphs, precision));
    }
    return made;
  });
}

/** Both graphs in float, with the correction folded in, and how far the cached one looks back. */
export interface FloatGraphPair {
  readonly full: OnnxModel;
  readonly cached: OnnxModel;
  readonly anchors: 1 | 2;
}

/** @param plain reads the graphs of a model in float, before the correction */
export async function floatGraphs(
  { context, graphs, integers, features }: CalibratedModel,
  { chosen }: Choice,
  plain: () => Promise<{ readonly full: OnnxModel; readonly cached: OnnxModel }> = async () => ({
    full: await readGraph(context.work, FLOAT_FULL),
    cached: await readGraph(context.work, FLOAT_CACHED),
  }),
): Promise<FloatGraphPair> {
  const fit = fitCacheOn(chosen.correction, chosen.refreshCalls, { features, anchors: features });
  const tables = await finishUnlessAborted(fit, context.signal);
  const anchors = tables.a1.some((value) => value !== 0) ? 2 : 1;
  if (!integers) {
    const { full, cached } = await plain();
    return { full, cached: foldCorrection(cached, tables), anchors };
  }
  const full = toFloatGraph(graphs.full.model, integers.packed);
  const cached = toFloatGraph(foldCorrection(graphs.cached.model, tables), integers.packed);
  return { full, cached, anchors };
}

async function makeVariant(
  calibrated: CalibratedModel,
  { chosen }: Choice,
  { anchors, ...graphs }: FloatGraphPair,
  precision: FloatPrecision,
): Promise<FloatVariant> {
  const { context } = calibrated;
  // Beside the weights that they refer to.
  const folder = calibrated.integers ? 'int8' : 'float';
  const paths = { full: `${folder}/full-${precision}.onnx`, cached: `${folder}/cached-${precision}.onnx` };
  for (const name of ['full', 'cached'] as const) {
    await writeGraph(
      context.work,
      paths[name],
      inPrecision(graphs[name], calibrated.graphs[name], precision),
    );
  }
  const variant: Variant = {
    full: paths.full,
    ...(chosen.variant.timesteps && { timesteps: chosen.variant.timesteps }),
    cached: { ...chosen.variant.cached!, graph: paths.cached, anchors },
  };
  const largestTensorBytes = largestBytes(calibrated.graphs, precision);
  const few = { ...context, calibration: context.calibration.slice(0, CHECKED_IMAGES) };
  const psnr = await calibrationPsnr(few, variant, calibrated.references, AS_WRITTEN);
  const mean = meanOf(psnr.map((value) => Math.min(value, 100)));
  return { precision, variant, psnr: mean, largestTensorBytes };
}

/** A float graph as other backends take it. */
export function inPrecision(graph: OnnxModel, analyzed: AnalyzedGraph, precision: FloatPrecision): OnnxModel {
  // WebGPU's own operator for attention is not relied on.
  const model = unfuseAttention(graph);
  return precision === 'float32' ? model : toHalfPrecision(model, factsOf(model, analyzed));
}

/** Of the largest weight or activation of both graphs. */
export function largestBytes({ full, cached }: DenoiserGraphs, precision: FloatPrecision): number {
  return Math.max(largestTensor(full), largestTensor(cached)) * (precision === 'float32' ? 4 : 2);
}

/** Elements of a graph's largest tensor, weights among them. */
function largestTensor({ model, shapes }: AnalyzedGraph): number {
  const all = [...shapes.values(), ...model.graph.initializers.values()];
  return all.reduce((most, { dims }) => Math.max(most, sizeOf(dims)), 0);
}

function sizeOf(dims: readonly unknown[] | undefined): number {
  if (!dims?.every((dim) => typeof dim === 'number')) return 0;
  return (dims as readonly number[]).reduce((product, dim) => product * dim, 1);
}

/** Shapes and types of a graph's tensors, from those that its inputs had when it was studied. */
function factsOf(model: OnnxModel, { shapes }: AnalyzedGraph) {
  const dimsOf = (name: string) => {
    if (name === CALL_INDEX_INPUT) return [];
    return shapes.get(name === PREVIOUS_CACHE_NAME ? CACHE_NAME : name)?.dims as readonly number[];
  };
  const inputDims = Object.fromEntries(model.graph.inputs.map(({ name }) => [name, dimsOf(name)]));
  return inferShapes(model, { inputDims });
}
