import { meanOf, psnr } from '@cachequant/evaluate';
import type { OnnxModel } from '@cachequant/onnx';
import { floatDenoiser, loadGraph } from '@cachequant/pipeline';
import { finishUnlessAborted } from '@cachequant/tensor';
import { type CalibratedModel, FLOAT_CACHED, FLOAT_FULL } from '../calibrated-model.js';
import { type CalibrationContext, sampleImage } from '../calibration-context.js';
import type { Choice } from '../candidates/choose-variant.js';
import {
  type FloatGraphs,
  type FloatPrecision,
  floatGraphs,
  inPrecision,
  largestBytes,
} from '../candidates/float-variants.js';
import { loadVariant, samplerOf, type Variant } from '../candidates/variant.js';
import { foldCorrection, integerForm } from '../graphs/cached-graphs.js';
import { type DenoiserGraphs, makeDenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import { outlierInputs } from '../graphs/outlier-inputs.js';
import type { OpenCalibrationContext } from '../prepare/open-calibration-context.js';
import { prepareImages } from '../prepare/prepare-images.js';
import { denoiserDims, type PreparedSource } from '../prepare/prepare-source.js';
import { withSharedWeights } from './shared-weights.js';

/** Graphs of a size that shares weights and tables with the one that was calibrated. */
export interface SizeGraphs {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly latentDims: readonly [number, number, number];
  readonly full: string;
  readonly cached: string;
  /** In float, for other backends, as the first size has them. */
  readonly variants: readonly {
    readonly precision: FloatPrecision;
    readonly full: string;
    readonly cached: string;
    readonly largestTensorBytes: number;
  }[];
  /** In decibels against the source model at this size, one for each image. */
  readonly psnr: readonly number[];
}

/** As many held-out images as tell what a size has lost. */
const MEASURED_IMAGES = 4;

/**
 * Makes the graphs of the recipe's further sizes, and measures them. Weights, decisions about layers, grids of
 * activations, the schedule and the corrections are those that were calibrated at the first size: all of them are per
 * call, per tensor or per channel, so that they fit any size.
 */
export async function makeSizes(
  opened: OpenCalibrationContext,
  calibrated: CalibratedModel,
  choice: Choice,
  { kept }: FloatGraphs,
): Promise<readonly SizeGraphs[]> {
  if (opened.furtherSizes.length === 0) return [];
  return calibrated.runner.stage({ kind: 'sizes', changes: calibrated.changes }, async () => {
    const made: SizeGraphs[] = [];
    for (const prepared of opened.furtherSizes) {
      made.push(await makeSize(opened, await modelAt(opened, calibrated, prepared), choice, kept));
    }
    return made;
  });
}

/** The calibrated model with images and graphs of another size. */
async function modelAt(
  opened: OpenCalibrationContext,
  calibrated: CalibratedModel,
  prepared: PreparedSource,
): Promise<CalibratedModel> {
  const { context, graphs } = calibrated;
  const few = Math.min(MEASURED_IMAGES, context.recipe.verificationImages);
  const images = await prepareImages(
    prepared,
    context.runtime,
    { ...context.recipe, calibrationImages: 1, verificationImages: few, comparisonImages: 0 },
    { signal: context.signal },
  );
  const inputDims = denoiserDims({ ...prepared, model: opened.prepared.model }, images.calibration[0]!);
  // As it was cut at the first size.
  const outliers = outlierInputs(context.calibration);
  const making = makeDenoiserGraphs(
    opened.prepared.model,
    { inputDims, outliers, target: graphs.full.target },
    graphs.cut.id,
  );
  const sized = await finishUnlessAborted(making, context.signal);
  const shared = (name: 'full' | 'cached', main: OnnxModel): DenoiserGraphs['full'] => ({
    ...sized[name],
    model: withSharedWeights(sized[name].model, main, opened.prepared.model),
  });
  const main = calibrated.integers
    ? { full: graphs.full.model, cached: graphs.cached.model }
    : {
        full: await readGraph(context.work, FLOAT_FULL),
        cached: await readGraph(context.work, FLOAT_CACHED),
      };
  return {
    ...calibrated,
    context: {
      ...context,
      ...images,
      latentDims: prepared.latentDims,
      sampler: prepared.sampler,
      samplerAt: prepared.samplerAt,
      samplerLayout: prepared.samplerLayout,
      conditioning: prepared.conditioning,
    },
    graphs: { ...sized, full: shared('full', main.full), cached: shared('cached', main.cached) },
  };
}

async function makeSize(
  { prepared }: OpenCalibrationContext,
  calibrated: CalibratedModel,
  choice: Choice,
  kept: FloatGraphs['kept'],
): Promise<SizeGraphs> {
  const { context, graphs, integers } = calibrated;
  const { latentDims } = context;
  const factor = prepared.pictureSize.width / prepared.latentDims[2];
  const [height, width] = [latentDims[1] * factor, latentDims[2] * factor];
  const folder = integers ? 'int8' : 'float';
  const pathOf = (name: string) => `${folder}/${name}-${width}x${height}.onnx`;
  const { chosen, variant } = choice;
  const corrected = foldCorrection(graphs.cached.model, chosen.tables);
  const full = integers ? integerForm(graphs.full.model, graphs.full, integers) : graphs.full.model;
  const cached = integers
    ? integerForm(corrected, graphs.cached, { packed: integers.packed, grids: chosen.grids! })
    : corrected;
  await writeGraph(context.work, pathOf('full'), full);
  await writeGraph(context.work, pathOf('cached'), cached);
  const variants: SizeGraphs['variants'][number][] = [];
  for (const { precision } of kept) {
    const pair = await floatGraphs(calibrated, choice, async () => ({
      full: graphs.full.model,
      cached: graphs.cached.model,
    }));
    const paths = { full: pathOf(`full-${precision}`), cached: pathOf(`cached-${precision}`) };
    for (const name of ['full', 'cached'] as const) {
      await writeGraph(context.work, paths[name], inPrecision(pair[name], graphs[name], precision));
    }
    variants.push({ precision, ...paths, largestTensorBytes: largestBytes(graphs, precision) });
  }
  const own: Variant = {
    ...variant,
    full: pathOf('full'),
    cached: { ...variant.cached!, graph: pathOf('cached') },
  };
  return {
    ...{ width, height, latentDims, variants },
    full: own.full,
    cached: own.cached!.graph,
    psnr: await measure(context, own, prepared),
  };
}

/** Held-out images by the source model and by the size's own graphs; one of the two is in memory at a time. */
async function measure(
  context: CalibrationContext,
  variant: Variant,
  { folder }: PreparedSource,
): Promise<number[]> {
  const pictures = async (load: () => ReturnType<typeof loadVariant>, sampler = context.sampler) => {
    const denoiser = await load();
    try {
      const made: Awaited<ReturnType<CalibrationContext['toPicture']>>[] = [];
      for (const image of context.verification) {
        const { latents } = await sampleImage(context, denoiser, image, { sampler });
        made.push(await context.toPicture(latents));
      }
      return made;
    } finally {
      await denoiser.dispose();
    }
  };
  const originals = await pictures(async () =>
    floatDenoiser(await loadGraph(context.runtime, folder.storage, folder.denoiser.model)),
  );
  const own = await pictures(() => loadVariant(context, variant), samplerOf(context, variant));
  return own.map((picture, i) => psnr(originals[i]!, picture));
}

/** Mean over the images, equal pictures counted as 100 dB. */
export function meanPsnr({ psnr: each }: Pick<SizeGraphs, 'psnr'>): number {
  return meanOf(each.map((value) => Math.min(value, 100)));
}
