// What the other packages of CacheQuant build on. Not part of the public interface: it may change in any version.

export { loadArtifact, saveArtifact } from './bundle/artifact.js';
export { bundleFolder, MANIFEST, NEXT_BUNDLE } from './bundle/bundle-folder.js';
export { createBundleGenerator, variantOf } from './bundle/bundle-generator.js';
export { possibleSampler } from './bundle/calibrated-sampler.js';
export { earlierNames } from './bundle/earlier-names.js';
export { hashFile, hashText } from './bundle/fingerprint.js';
export {
  type BundleManifest,
  FORMAT_VERSION,
  readManifest,
  sealManifest,
  VERIFICATION,
} from './bundle/manifest.js';
export { type OffCalibration, wordsOf } from './bundle/off-calibration.js';
export { isBundle, openBundle } from './bundle/open-bundle.js';
export { PLANNING_FOLDER, writePlanningData } from './bundle/planning-data.js';
export { type BundlePlanner, openPlanner, type ReplanOptions } from './bundle/replan.js';
export type { Coverage, ImageTimes, Verification } from './bundle/verification.js';
export { chooseShrinkage, fitCacheOn } from './cache-plan/cache-fit.js';
export {
  CACHE_CORRECTIONS,
  type CacheCorrectionKind,
  SCHEDULE_KINDS,
  type ScheduleKind,
} from './cache-plan/kinds.js';
export { makeSchedule, mergedMoments } from './cache-plan/schedules.js';
export type {
  ConditionedModel,
  ConditioningEncoder,
  ConditioningFamily,
  OpenConditioningContext,
} from './conditioning/conditioning-encoder.js';
export {
  conditioningFamily,
  findConditioningFamily,
  openConditioning,
} from './conditioning/open-conditioning.js';
export { promptFeeds } from './conditioning/prompt-encoder.js';
export type { PromptOptions } from './conditioning/prompt-options.js';
export { readTokenizer } from './conditioning/read-tokenizer.js';
export type { CallKind, Conditioning, Denoiser, DenoiserCall } from './denoise/denoiser.js';
export { denoiserFeeds } from './denoise/denoiser-feeds.js';
export { type DenoiserInputs, findDenoiserInputs } from './denoise/denoiser-inputs.js';
export { floatDenoiser } from './denoise/float-denoiser.js';
export { FURTHER_CHANNELS } from './denoise/further-channels.js';
export {
  combine,
  concatConditioning,
  type Guidance,
  guidedPrediction,
  isGuided,
  withJoinedConditioning,
} from './denoise/guidance.js';
export { GuidanceForecast } from './denoise/guidance-forecast.js';
export { initialNoise } from './denoise/initial-noise.js';
export { loadCachedDenoiser } from './denoise/load-cached-denoiser.js';
export { packedDims, takesPackedLatents, unpackedPrediction } from './denoise/packed-latents.js';
export {
  type SampledLatents,
  type SampleLatentsOptions,
  type SamplingStep,
  sampleLatents,
} from './denoise/sample-latents.js';
export { type AskedSize, changedSize } from './generate/changed-size.js';
export { generationDefaults } from './generate/generation-defaults.js';
export { requireClass } from './generate/generation-request.js';
export { createGenerator } from './generate/generator.js';
export { loadDecoder, loadEncoder } from './generate/generator-parts.js';
export { inpaintingChannels } from './generate/picture-change.js';
export type { GeneratedImage } from './generate/run-images.js';
export { imageTokens, LARGEST_PICTURE, sampleGeometry, sampleShape } from './generate/sample-geometry.js';
export { type LatentDecoder, latentView, vaeDecoder, vaeFactor } from './images/latent-decoder.js';
export type { LatentEncoder } from './images/latent-encoder.js';
export { fitLatentPreview } from './images/latent-preview.js';
export { toRgbImages } from './images/rgb-image.js';
export { builtGraphSources, isBuiltGraph } from './model/built-graphs.js';
export { findGraph } from './model/find-graph.js';
export { layOutSampler, type SamplerLayout } from './model/lay-out-sampler.js';
export { layerLocator } from './model/lazy-locator.js';
export { type ChangeGraph, loadGraph } from './model/load-graph.js';
export { type ModelFolder, openModelFolder } from './model/model-folder.js';
export { allFinite, type LocateLayer } from './model/non-finite.js';
export { requireReadDecoder } from './model/unread-decoder.js';
