import type { ValueInfo } from '@cachequant/onnx';
import type { ModelFolder } from '@cachequant/pipeline';
import {
  findConditioningFamily,
  findDenoiserInputs,
  generationDefaults,
} from '@cachequant/pipeline/internals';
import { createSampler } from '@cachequant/samplers';
import { CacheQuantError } from '@cachequant/tensor';

/** What a model folder holds besides the denoiser. */
export interface PipelineParts {
  readonly pipeline: string | null;
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
  /** Null where there is no text to guide. */
  readonly guidanceScale: number | null;
  /** On what steps and guidance scale were guessed from. */
  readonly notes: readonly string[];
}

/** @param inputs of the denoiser's graph */
export function pipelineParts(folder: ModelFolder, inputs: readonly ValueInfo[]): PipelineParts {
  const { index, textEncoder, vaeDecoder, unreadDecoder, scheduler } = folder;
  const { steps, guidanceScale, notes } = generationDefaults(folder, familyOf(folder, inputs));
  const name = scheduler?._class_name ?? null;
  return {
    pipeline: index?._class_name ?? null,
    textEncoder: textEncoder !== undefined,
    vaeDecoder: vaeDecoder !== undefined,
    unreadDecoder: unreadDecoder ?? null,
    sampler: { name, steps, ...samplerCalls(scheduler, steps) },
    guidanceScale: textEncoder === undefined ? null : guidanceScale,
    notes,
  };
}

/** The family of a denoiser; undefined for one that is none, or of no known family. */
function familyOf(folder: ModelFolder, graphInputs: readonly ValueInfo[]) {
  const declared = graphInputs.map(
    ({ name, dtype, dims }) => ({ name, dtype: dtype ?? 'float32', dims: dims ?? [] }) as const,
  );
  try {
    const { conditioning } = findDenoiserInputs(declared);
    const inputs = declared.filter(({ name }) => conditioning.includes(name));
    return findConditioningFamily({ folder, inputs });
  } catch (error) {
    if (CacheQuantError.is(error)) return undefined;
    throw error;
  }
}

function samplerCalls(scheduler: unknown, steps: number): { calls: number | null; problem: string | null } {
  if (scheduler === undefined)
    return { calls: null, problem: 'no scheduler_config.json: name one with --sampler' };
  try {
    return { calls: createSampler(scheduler, { steps }).calls, problem: null };
  } catch (error) {
    if (!CacheQuantError.is(error)) throw error;
    return { calls: null, problem: error.message };
  }
}
