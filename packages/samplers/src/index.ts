export { parseSchedulerConfig } from './config.js';
export { createSampler, SAMPLER_NAMES, type SamplerOptions } from './create-sampler.js';
export { outputSensitivity } from './output-sensitivity.js';
export type { PredictionType, Sampler, SamplerState } from './sampler.js';
