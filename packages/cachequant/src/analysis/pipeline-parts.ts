import type { ValueInfo } from '@cachequant/onnx';
import type { ModelFolder } from '@cachequant/pipeline';
import {
  findConditioningFamily,
  findDenoiserInputs,
  generationDefaults,
  layOutSampler,
  type SamplerLayout,
} from '@cachequant/pipeline/internals';
import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';

/** What a model folder holds besides the denoiser. */
export interface PipelineParts {
  readonly pipeline: string | null;
  /** What conditions it; null where nothing here knows. */
  readonly family: string | null;
  /** How many classes it draws; null where requests name none. */
  readonly classes: number | null;
  readonly textEncoder: boolean;
  readonly vaeDecoder: boolean;
  /** A decoder that nothing here runs; null where there is none. */
  readonly unreadDecoder: string | null;
  readonly sampler: {
    /** As `scheduler_config.json` names it. */
    readonly name: string | null;
    readonly steps: number;
    /** Network calls an image; null when the sampler cannot be used. */
    readonly calls: number | null;
    /** Why the sampler cannot be used. */
    readonly problem: string | null;
  };
  /** Null where there is nothing to guide by. */
  readonly guidanceScale: number | null;
  /** On what steps and guidance scale were guessed from. */
  readonly notes: readonly string[];
}

/** @param inputs of the denoiser's graph */
export function pipelineParts(folder: ModelFolder, inputs: readonly ValueInfo[]): PipelineParts {
  const { index, textEncoder, vaeDecoder, unreadDecoder, scheduler } = folder;
  const conditioning = conditioningInputs(inputs);
  const model = conditioning && { folder, inputs: conditioning };
  const family = model && findConditioningFamily(model);
  const { steps, guidanceScale, notes } = generationDefaults(folder, family);
  const name = scheduler?._class_name ?? null;
  return {
    pipeline: index?._class_name ?? null,
    family: family?.name ?? null,
    classes: (model && family?.classes?.(model)) ?? null,
    textEncoder: family?.takesText ?? textEncoder !== undefined,
    vaeDecoder: vaeDecoder !== undefined,
    unreadDecoder: unreadDecoder ?? null,
    sampler: { name, steps, ...samplerCalls(scheduler, steps, family?.sampling) },
    guidanceScale: (family ? family.guided || family.embedsGuidance : textEncoder) ? guidanceScale : null,
    notes,
  };
}

/** What a denoiser takes beside sample and timestep; undefined for a graph that is none. */
function conditioningInputs(graphInputs: readonly ValueInfo[]): readonly TensorInfo[] | undefined {
  const declared = graphInputs.map(
    ({ name, dtype, dims }) => ({ name, dtype: dtype ?? 'float32', dims: dims ?? [] }) as const,
  );
  try {
    const { conditioning } = findDenoiserInputs(declared);
    return declared.filter(({ name }) => conditioning.includes(name));
  } catch (error) {
    if (CacheQuantError.is(error)) return undefined;
    throw error;
  }
}

/** Their number does not depend on it. */
const IMAGE_TOKENS = 4096;

function samplerCalls(
  scheduler: unknown,
  steps: number,
  layout: SamplerLayout = {},
): { calls: number | null; problem: string | null } {
  if (scheduler === undefined)
    return { calls: null, problem: 'no scheduler_config.json: name one with --sampler' };
  try {
    return {
      calls: layOutSampler(scheduler, { steps }, { ...layout, imageTokens: IMAGE_TOKENS }).calls,
      problem: null,
    };
  } catch (error) {
    if (!CacheQuantError.is(error)) throw error;
    return { calls: null, problem: error.message };
  }
}
