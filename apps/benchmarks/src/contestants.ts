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

/** The graphs of a bundle, with refreshes at other calls than it was made for: their speed is the same. */
export async function loadOurs(
  runtime: Runtime,
  storage: Storage,
  { corrections }: BundleManifest,
  refreshCalls: readonly number[],
): Promise<Denoiser> {
  const full = await loadGraph(runtime, storage, 'denoiser/full.onnx', { keepOnDevice: ['cached_features'] });
  const cached = await loadGraph(runtime, storage, 'denoiser/cached.onnx');
  return cachedDenoiser({ full, cached, refreshCalls, anchors: corrections.anchors });
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
