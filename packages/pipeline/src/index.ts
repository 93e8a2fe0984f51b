export { interval95, meanOf, medianOf, psnr, type RgbImage, ssim } from '@cachequant/evaluate';
export {
  type BundleGeneratorOptions,
  createBundleGenerator,
  loadBundleDenoiser,
  variantOf,
} from './bundle/bundle-generator.js';
export { type LayerScales, layerScales } from './bundle/layer-scales.js';
export {
  type BundleManifest,
  type BundleVariant,
  FORMAT_VERSION,
  MANIFEST,
  readManifest,
} from './bundle/manifest.js';
export { type Bundle, isBundle, type OpenBundleOptions, openBundle } from './bundle/open-bundle.js';
export { PLANNING_FOLDER } from './bundle/planning-data.js';
export { type BundlePlanner, openPlanner, type Replan, type ReplanOptions } from './bundle/replan.js';
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
export { fitLatentPreview, type LatentPreview, previewPicture } from './images/latent-preview.js';
export { encodePng } from './images/png.js';
export { toRgba, toRgbImages } from './images/rgb-image.js';
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
export {
  buildCandidate,
  buildWithoutCache,
  type Candidate,
  planSchedule,
  withGuidanceForecast,
} from './optimize/candidate.js';
export { type Choice, chooseVariant, type QuantizationCorrection } from './optimize/choose.js';
export type { ComponentDecision } from './optimize/components/component.js';
export { type CorrectedOutputs, correctOutputs } from './optimize/correct-outputs.js';
export type { Coverage } from './optimize/coverage.js';
export type { GivenConditioning } from './optimize/given-conditioning.js';
export type { Laboratory, PreparedImage, StageProgress } from './optimize/laboratory.js';
export type { LayerDecision, LayerMeasurement } from './optimize/layer-plan.js';
export type { LayerChoice } from './optimize/layers/choose-layers.js';
export { compareWith, type MeasuredImage, measureImage, type Quality } from './optimize/measure.js';
export { type LaboratoryOptions, type OpenLaboratory, openLaboratory } from './optimize/open-laboratory.js';
export type { MeasuredPoint, OperatingPoints } from './optimize/operating-points/explore.js';
export type { OperatingPoint, OperatingTarget } from './optimize/operating-points/point.js';
export { type OptimizeRequest, type OptimizeSummary, optimize, optimizeIn } from './optimize/optimize.js';
export { type BundlePlan, PLAN, parsePlan } from './optimize/plan-file.js';
export { type OptimizationPlan, planOptimization } from './optimize/plan-optimization.js';
export {
  type CacheCorrectionKind,
  type OptimizeOptions,
  parseRecipe,
  type Recipe,
  type ScheduleKind,
} from './optimize/recipe.js';
export { type SmoothedPredictions, smoothPredictions } from './optimize/smooth-predictions.js';
export {
  FLOAT_CACHED,
  FLOAT_FULL,
  INTEGER_FULL,
  type Study,
  type StudyOptions,
  studyDenoiser,
} from './optimize/study.js';
export { floatStudy, studyAt } from './optimize/study-views.js';
export { replay } from './optimize/trajectory.js';
export { calibrationPsnr, loadVariant, type Variant } from './optimize/variant.js';
export type { Verification, VerifiedPicture } from './optimize/verify.js';
