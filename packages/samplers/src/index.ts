export { parseSchedulerConfig } from './config.js';
export { createSampler, SAMPLER_NAMES, type SamplerOptions } from './create-sampler.js';
export type { PredictionType, Sampler, SamplerState } from './sampler.js';
