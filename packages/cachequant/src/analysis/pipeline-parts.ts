import type { ModelFolder } from '@cachequant/pipeline';
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
}

const DEFAULT_STEPS = 50;
const DEFAULT_GUIDANCE_SCALE = 7.5;

export function pipelineParts({
  index,
  textEncoder,
  vaeDecoder,
  unreadDecoder,
  scheduler,
}: ModelFolder): PipelineParts {
  const steps = index?.num_inference_steps ?? DEFAULT_STEPS;
  const name = scheduler?._class_name ?? null;
  return {
    pipeline: index?._class_name ?? null,
    textEncoder: textEncoder !== undefined,
    vaeDecoder: vaeDecoder !== undefined,
    unreadDecoder: unreadDecoder ?? null,
    sampler: { name, steps, ...samplerCalls(scheduler, steps) },
    guidanceScale: textEncoder === undefined ? null : (index?.guidance_scale ?? DEFAULT_GUIDANCE_SCALE),
  };
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
