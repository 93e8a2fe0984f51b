export type { RgbImage } from '@cachequant/evaluate';
export { MANIFEST } from './bundle/bundle-folder.js';
export {
  type BundleGeneratorOptions,
  createBundleGenerator,
  loadBundleDenoiser,
} from './bundle/bundle-generator.js';
export { type BundleManifest, type BundleSize, type BundleVariant, readManifest } from './bundle/manifest.js';
export { type Bundle, isBundle, type OpenBundleOptions, openBundle } from './bundle/open-bundle.js';
export { type BundlePlanner, openPlanner, type Replan, type ReplanOptions } from './bundle/replan.js';
export type { Coverage, ImageTimes, Verification } from './bundle/verification.js';
export type { CacheCorrectionKind, ScheduleKind } from './cache-plan/kinds.js';
export { batchConditioning } from './conditioning/batch-conditioning.js';
export type {
  ConditionedModel,
  ConditioningEncoder,
  ConditioningFamily,
  ConditioningRequest,
  Control,
  OpenConditioningContext,
} from './conditioning/conditioning-encoder.js';
export { conditioningFamily, openConditioning } from './conditioning/open-conditioning.js';
export { type EncodedPrompt, PromptEncoder } from './conditioning/prompt-encoder.js';
export type { PromptOptions } from './conditioning/prompt-options.js';
export { readTokenizer } from './conditioning/read-tokenizer.js';
export type { ConditioningRecipe, ConditioningSource } from './conditioning/recipe/conditioning-recipe.js';
export { type RecipeFamily, type RecipeParts, recipeFamily } from './conditioning/recipe/recipe-family.js';
export type { TokenizedPrompt, Tokenizer } from './conditioning/tokenizer.js';
export { type CachedDenoiserOptions, type CacheNames, cachedDenoiser } from './denoise/cached-denoiser.js';
export type { CallKind, Conditioning, Denoiser, DenoiserCall } from './denoise/denoiser.js';
export type { DenoiserInputs } from './denoise/denoiser-inputs.js';
export { floatDenoiser } from './denoise/float-denoiser.js';
export { type InitialNoise, initialNoise, type NoiseSource } from './denoise/initial-noise.js';
export {
  type CallTiming,
  type SampledLatents,
  type SampleLatentsOptions,
  type SamplingStep,
  sampleLatents,
} from './denoise/sample-latents.js';
export type { GenerationDefaults, GenerationRequest, GenerationStep } from './generate/generation-request.js';
export {
  createGenerator,
  type GenerationResult,
  type Generator,
  type GeneratorOptions,
  type ResolvedRequest,
} from './generate/generator.js';
export { type DecoderOptions, type DenoiserLoader, loadDecoder } from './generate/generator-parts.js';
export type { GeneratedImage, RunTiming } from './generate/run-images.js';
export type { SizedDenoisers } from './generate/sized-denoisers.js';
export { withRefiner } from './generate/with-refiner.js';
export type { DecodeTiling } from './images/decode-tiling.js';
export { type ImageGridOptions, imageGrid } from './images/image-grid.js';
export type { LatentDecoder } from './images/latent-decoder.js';
export { type LatentPreview, previewPicture } from './images/latent-preview.js';
export { encodePng } from './images/png.js';
export { type PngText, readPngText } from './images/png-text.js';
export { toRgba } from './images/rgb-image.js';
export { type CheckpointFolderOptions, checkpointFolder } from './model/checkpoint-folder.js';
export {
  type CheckpointStorageOptions,
  checkpointStorage,
  type PlacedComponent,
} from './model/checkpoint-storage.js';
export type {
  DenoiserConfig,
  ModelIndex,
  SchedulerConfig,
  TextEncoderConfig,
  VaeConfig,
} from './model/component-configs.js';
export type { VirtualFile } from './model/layered-storage.js';
export { loadGraph } from './model/load-graph.js';
export { type InputOrigin, type LoneModelOptions, loneModel } from './model/lone-model.js';
export { type ModelComponent, type ModelFolder, openModelFolder } from './model/model-folder.js';
export { withControlNet } from './model/with-control-net.js';
export { withTinyDecoder } from './model/with-tiny-decoder.js';
