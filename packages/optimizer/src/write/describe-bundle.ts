import { CALL_INDEX_INPUT } from '@cachequant/onnx';
import type { BundleManifest, DenoiserInputs } from '@cachequant/pipeline';
import { CONTROL_EMBEDDING, CONTROL_SCALES } from '@cachequant/pipeline/internals';
import type { CalibratedModel } from '../calibrated-model.js';
import { CACHE_NAME, PREVIOUS_CACHE_NAME } from '../calibration-context.js';
import type { Choice } from '../candidates/choose-variant.js';
import type { FloatVariant } from '../candidates/float-variants.js';
import type { Variant } from '../candidates/variant.js';
import { type ComponentDecision, FLOAT_GRAPH } from '../components/component.js';
import type { DecisionRecord } from '../decision-record.js';
import { formatOf } from '../format.js';
import { meanPsnr, type SizeGraphs } from '../sizes/make-sizes.js';
import { type DenoiserInputNames, sizePaths, variantPaths } from './bundle-files.js';

/** The manifest's words on both graphs: where each input comes from, what each output is. */
export function describeGraphs(
  { graphs, context }: CalibratedModel,
  { chosen }: Choice,
  inputs: DenoiserInputNames,
  { floatVariants, components, sizes, fed }: BundleExtras,
): Pick<BundleManifest, 'cut' | 'denoiser' | 'sizes'> {
  const { cut } = graphs;
  const batch = graphs.full.shapes.get(graphs.full.model.graph.inputs[0]!.name)?.dims?.[0];
  const describe = (
    names: DenoiserInputNames['variants'][number],
    files: { full: string; cached: string },
  ) => ({
    full: {
      file: files.full,
      inputs: describeInputs(names.full, fed),
      outputs: { [context.output]: 'prediction' as const, [CACHE_NAME]: 'cache' as const },
    },
    cached: {
      file: files.cached,
      inputs: describeInputs(names.cached, fed),
      outputs: { [context.output]: 'prediction' as const },
    },
  });
  const integerDecoder = components.some(({ name, form }) => name === 'vae_decoder' && form === 'integers');
  return {
    cut: { id: cut.id, kind: cut.kind, cachedShare: cut.cachedShare, dims: cut.cacheDims.map(Number) },
    denoiser: {
      batch: Number(batch),
      ...describe(inputs, { full: 'denoiser/full.onnx', cached: 'denoiser/cached.onnx' }),
      variants: floatVariants.map(({ precision, variant, psnr, largestTensorBytes }, i) => ({
        backends: ['webgpu'],
        precision,
        ...describe(inputs.variants[i]!, variantPaths(precision)),
        anchors: variant.cached!.anchors,
        corrections: { cache: chosen.correction, quantization: false as const },
        largestTensorBytes,
        ...(integerDecoder && { vaeDecoder: `vae_decoder/${FLOAT_GRAPH}` }),
        calibrationPsnr: Number.isFinite(psnr) ? psnr : null,
      })),
    },
    sizes: sizes.map((size, i) => {
      const { width, height, latentDims, psnr } = size;
      const names = inputs.sizes[i]!;
      const name = `${width}x${height}`;
      return {
        width,
        height,
        latentDims: [...latentDims],
        ...describe(names, sizePaths(name)),
        variants: size.variants.map(({ precision, largestTensorBytes }, k) => ({
          precision,
          largestTensorBytes,
          ...describe(names.variants[k]!, variantPaths(precision, name)),
        })),
        psnr: meanPsnr({ psnr }),
        images: psnr.length,
      };
    }),
  };
}

/** What is described beside the denoiser's own graphs. */
export interface BundleExtras {
  readonly floatVariants: readonly FloatVariant[];
  readonly components: readonly ComponentDecision[];
  /** What the source's graph takes each of its inputs for. */
  readonly fed: DenoiserInputs;
  readonly sizes: readonly SizeGraphs[];
}

type InputOrigin = BundleManifest['denoiser']['full']['inputs'][string];

function describeInputs(names: readonly string[], fed: DenoiserInputs): Record<string, InputOrigin> {
  const origins: Record<string, InputOrigin> = {
    [fed.sample]: 'sample',
    ...(fed.timestep !== undefined && { [fed.timestep]: 'timestep' }),
    ...(fed.further !== undefined && { [fed.further]: 'inpainting' }),
    [CALL_INDEX_INPUT]: 'call_index',
    [CACHE_NAME]: 'cache:newest',
    [PREVIOUS_CACHE_NAME]: 'cache:previous',
    [CONTROL_EMBEDDING]: 'control:image',
    [CONTROL_SCALES]: 'control:scale',
  };
  return Object.fromEntries(names.map((name) => [name, origins[name] ?? 'conditioning']));
}

/** The manifest's words on how the bundle was made. */
export function describeRecipe(
  { context, decisions }: CalibratedModel,
  { chosen, quantization, quantizationKept, variant }: Choice,
): Pick<
  BundleManifest,
  'sampler' | 'guidanceScale' | 'latentDims' | 'schedule' | 'corrections' | 'bits' | 'layers'
> {
  const { recipe, sampler } = context;
  const cached = variant.cached!;
  const format = formatOf(recipe);
  return {
    sampler: { name: sampler.name, steps: sampler.steps, calls: sampler.calls, ...context.samplerLayout },
    guidanceScale: context.guidanceScale,
    latentDims: [...context.latentDims],
    schedule: {
      kind: chosen.schedule,
      interval: recipe.interval,
      refreshCalls: [...chosen.refreshCalls],
      ...chosenCallsOf(variant),
    },
    corrections: {
      cache: chosen.correction,
      anchors: cached.anchors,
      guidance: cached.guidance ?? 'computed',
      ...(cached.guidanceExtrapolation && { guidanceExtrapolation: [...cached.guidanceExtrapolation] }),
      quantization: quantizationKept && quantization?.kind === 'outputs',
      ...(cached.smoothing && { smoothing: [...cached.smoothing] }),
    },
    bits: {
      weights: format?.weightBits ?? 32,
      activations: format?.activationBits ?? 32,
      target: format ? recipe.target : ('float' as const),
    },
    layers: decisions.map(({ id, kind, macs, compute, storage, reason }) => ({
      id,
      kind,
      macs,
      compute,
      storage,
      reason,
    })),
  };
}

/** What a schedule has beside its refreshes. */
function chosenCallsOf({ timesteps, cached }: Variant) {
  const { conditionalRefreshes } = cached!;
  return {
    ...(conditionalRefreshes && { conditionalRefreshes: [...conditionalRefreshes] }),
    ...(timesteps && { timesteps: [...timesteps] }),
  };
}

/** Every decision and the numbers it was made on. */
export function describeDecisions(
  { context, graphs, decisions, layerChoice, plan, integers }: CalibratedModel,
  { candidates, chosen, quantization, quantizationKept }: Choice,
  source: DecisionRecord['source'],
): DecisionRecord {
  return {
    formatVersion: 1,
    source,
    recipe: { ...context.recipe },
    cut: graphs.cut.id,
    layers: decisions.map((decision) => ({
      ...decision,
      rounding: integers?.packed.compute.get(decision.id)?.rounding,
    })),
    layerChoice: layerChoice
      ? {
          floor: context.recipe.qualityFloor,
          networkDb: layerChoice.networkDb,
          wholeMs: layerChoice.wholeMs,
        }
      : plan?.layerChoice,
    schedules: candidates.map((candidate) => ({
      schedule: candidate.schedule,
      correction: candidate.correction,
      guidance: candidate.variant.cached?.guidance ?? 'computed',
      refreshCalls: [...candidate.refreshCalls],
      ...chosenCallsOf(candidate.variant),
      calibrationPsnr: [...candidate.psnr],
      chosen: candidate === chosen,
    })),
    quantizationCorrection: quantization
      ? { calibrationPsnr: [...quantization.psnr], kept: quantizationKept }
      : plan?.quantizationCorrection,
  };
}
