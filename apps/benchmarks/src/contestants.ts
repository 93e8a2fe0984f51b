import {
  type BundleManifest,
  type CallTiming,
  cachedDenoiser,
  type Denoiser,
  floatDenoiser,
  initialNoise,
  loadGraph,
  sampleLatents,
} from '@cachequant/pipeline';
import { createSampler } from '@cachequant/samplers';
import type { Runtime, Storage } from '@cachequant/tensor';
import { SCHEDULER_CONFIG } from './build-model.js';
import { SEEDED_CONDITIONING } from './conditioning.js';

/** A sampler and how many steps it takes. */
export interface Loop {
  readonly sampler: string;
  readonly steps: number;
}

/** Which calls of a loop are made how. */
export interface LoopPlan {
  readonly refreshCalls: readonly number[];
  /** The refreshes that compute the conditional half of guidance alone; left out: none. */
  readonly conditionalRefreshes?: readonly number[];
  /** What cached calls do with the unconditional half. Left out: forecast, as bundles do where that measures better. */
  readonly guidance?: 'computed' | 'forecast';
}

/** The later half of the refreshes, which may compute one half of guidance alone. */
export function lateRefreshes(refreshCalls: readonly number[]): number[] {
  return refreshCalls.slice(Math.ceil(refreshCalls.length / 2));
}

/**
 * The graphs of a bundle in a loop of any calls. Which rows of its tables a call takes does not change its speed, so the
 * calls that the bundle was calibrated for stand for those of the loop in turn.
 */
export async function loadOurs(
  runtime: Runtime,
  storage: Storage,
  { corrections, sampler }: Pick<BundleManifest, 'corrections' | 'sampler'>,
  plan: LoopPlan,
): Promise<Denoiser> {
  const full = await loadGraph(runtime, storage, 'denoiser/full.onnx', { keepOnDevice: ['cached_features'] });
  const cached = await loadGraph(runtime, storage, 'denoiser/cached.onnx');
  const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0], anchors: corrections.anchors });
  return inLoop(denoiser, sampler.calls, plan);
}

/** @param denoiser that refreshes at call 0 alone, with tables for `calibrated` calls */
function inLoop(
  denoiser: Denoiser,
  calibrated: number,
  { refreshCalls, conditionalRefreshes = [], guidance = 'forecast' }: LoopPlan,
): Denoiser {
  const refreshes = new Set(refreshCalls);
  const alone = new Set(conditionalRefreshes);
  return {
    sampleInput: denoiser.sampleInput,
    conditioningInputs: denoiser.conditioningInputs,
    get stats() {
      return denoiser.stats;
    },
    kindOf: (call) => (refreshes.has(call) ? 'full' : 'cached'),
    ...(guidance === 'forecast' && {
      conditionalAlone: (call: number) => !refreshes.has(call) || alone.has(call),
    }),
    predict(call, options) {
      const row = refreshes.has(call.call) ? 0 : 1 + (call.call % (calibrated - 1));
      return denoiser.predict({ ...call, call: row }, options);
    },
    reset: () => denoiser.reset(),
    dispose: () => denoiser.dispose(),
  };
}

export async function loadFloat(runtime: Runtime, storage: Storage, model: string): Promise<Denoiser> {
  return floatDenoiser(await loadGraph(runtime, storage, model));
}

/** One image from noise to latents; decoding is not part of it. */
export async function sampleOnce(
  denoiser: Denoiser,
  { latentDims, guidanceScale }: Pick<BundleManifest, 'latentDims' | 'guidanceScale'>,
  { sampler, steps }: Loop,
  signal?: AbortSignal,
): Promise<{ readonly seconds: number; readonly calls: readonly CallTiming[] }> {
  const { forSeed, unconditional } = SEEDED_CONDITIONING;
  const start = performance.now();
  const { calls } = await sampleLatents({
    denoiser,
    sampler: createSampler(SCHEDULER_CONFIG, { sampler, steps }),
    ...initialNoise([1], latentDims as [number, number, number]),
    conditioning: forSeed(1),
    unconditional,
    guidanceScale,
    signal,
  });
  return { seconds: (performance.now() - start) / 1000, calls };
}
