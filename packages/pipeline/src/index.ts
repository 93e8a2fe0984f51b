export { type CachedDenoiserOptions, type CacheNames, cachedDenoiser } from './generate/cached-denoiser.js';
export type { CallKind, Conditioning, Denoiser, DenoiserCall } from './generate/denoiser.js';
export { type DenoiserInputs, findDenoiserInputs } from './generate/denoiser-inputs.js';
export { floatDenoiser } from './generate/float-denoiser.js';
export { type InitialNoise, initialNoise, type NoiseSource } from './generate/initial-noise.js';
export {
  type CallTiming,
  type SampledLatents,
  type SampleLatentsOptions,
  type SamplingStep,
  sampleLatents,
} from './generate/sample-latents.js';
