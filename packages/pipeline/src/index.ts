export { type CachedDenoiserOptions, type CacheNames, cachedDenoiser } from './generate/cached-denoiser.js';
export type { CallKind, Conditioning, Denoiser, DenoiserCall } from './generate/denoiser.js';
export { type DenoiserInputs, findDenoiserInputs } from './generate/denoiser-inputs.js';
export { floatDenoiser } from './generate/float-denoiser.js';
export type { GenerationDefaults, GenerationRequest, GenerationStep } from './generate/generation-request.js';
export {
  createGenerator,
  type GenerationPlan,
  type GenerationResult,
  type Generator,
  type GeneratorOptions,
} from './generate/generator.js';
export {
  type DenoiserLoader,
  loadDecoder,
  loadFloatDenoiser,
  loadPromptEncoder,
} from './generate/generator-parts.js';
export { type InitialNoise, initialNoise, type NoiseSource } from './generate/initial-noise.js';
export { type LatentDecoder, pixelDecoder, vaeDecoder } from './generate/latent-decoder.js';
export { promptConditioning } from './generate/prompt-conditioning.js';
export type { GeneratedImage, RunTiming } from './generate/run-images.js';
export { type SampleGeometry, sampleGeometry, sampleShape } from './generate/sample-geometry.js';
export {
  type CallTiming,
  type SampledLatents,
  type SampleLatentsOptions,
  type SamplingStep,
  sampleLatents,
} from './generate/sample-latents.js';
export { type ImageGridOptions, imageGrid } from './images/image-grid.js';
export { encodePng } from './images/png.js';
export { psnr } from './images/psnr.js';
export { type RgbImage, toRgba, toRgbImages } from './images/rgb-image.js';
export { ssim } from './images/ssim.js';
export type {
  DenoiserConfig,
  ModelIndex,
  SchedulerConfig,
  TextEncoderConfig,
  VaeConfig,
} from './model/component-configs.js';
export { loadGraph, modelSource } from './model/load-graph.js';
export { type ModelComponent, type ModelFolder, openModelFolder } from './model/model-folder.js';
export { type EncodedPrompt, PromptEncoder } from './model/prompt-encoder.js';
export { readTokenizer } from './model/read-tokenizer.js';
export type { TokenizedPrompt, Tokenizer } from './model/tokenizer.js';
