// What the other packages of CacheQuant build on. Not part of the public interface: it may change in any version.

export { loadArtifact, saveArtifact } from './bundle/artifact.js';
export { bundleFolder, NEXT_BUNDLE } from './bundle/bundle-folder.js';
export { variantOf } from './bundle/bundle-generator.js';
export { possibleSampler } from './bundle/calibrated-sampler.js';
export { earlierNames } from './bundle/earlier-names.js';
export { hashFile, hashText } from './bundle/fingerprint.js';
export { FORMAT_VERSION, sealManifest, VERIFICATION } from './bundle/manifest.js';
export { type OffCalibration, wordsOf } from './bundle/off-calibration.js';
export { PLANNING_FOLDER, writePlanningData } from './bundle/planning-data.js';
export { chooseShrinkage, fitCache, fitCacheOn } from './cache-plan/cache-fit.js';
export { CACHE_CORRECTIONS, SCHEDULE_KINDS } from './cache-plan/kinds.js';
export { makeSchedule, mergedMoments } from './cache-plan/schedules.js';
export { findConditioningFamily } from './conditioning/open-conditioning.js';
export { promptFeeds } from './conditioning/prompt-encoder.js';
export { foldersOf } from './conditioning/recipe/conditioning-recipe.js';
export { fittingArray } from './conditioning/recipe/fitting-array.js';
export { CONTROL_EMBEDDING, CONTROL_SCALES } from './denoise/control-inputs.js';
export { denoiserFeeds } from './denoise/denoiser-feeds.js';
export { findDenoiserInputs, usualRole } from './denoise/denoiser-inputs.js';
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
export { loadCachedDenoiser } from './denoise/load-cached-denoiser.js';
export { packedDims, takesPackedLatents, unpackedPrediction } from './denoise/packed-latents.js';
export { type AskedSize, changedSize } from './generate/changed-size.js';
export { generationDefaults } from './generate/generation-defaults.js';
export { requireClass } from './generate/generation-request.js';
export { loadEncoder } from './generate/generator-parts.js';
export { inpaintingChannels } from './generate/picture-change.js';
export { imageTokens, LARGEST_PICTURE, sampleGeometry, sampleShape } from './generate/sample-geometry.js';
export { latentView, vaeDecoder } from './images/latent-decoder.js';
export type { LatentEncoder } from './images/latent-encoder.js';
export { fitLatentPreview } from './images/latent-preview.js';
export { toRgbImages } from './images/rgb-image.js';
export { vaeFactor } from './images/vae-factor.js';
export { builtGraphSources, isBuiltGraph } from './model/built-graphs.js';
export { CHECKPOINT_PARTS } from './model/checkpoint-part.js';
export { findGraph } from './model/find-graph.js';
export { type InputOrigins, readInputOrigins } from './model/input-origins.js';
export { layOutSampler, type SamplerLayout } from './model/lay-out-sampler.js';
export { layerLocator } from './model/lazy-locator.js';
export type { ChangeGraph } from './model/load-graph.js';
export { mountedStorage } from './model/mounted-storage.js';
export { allFinite, type LocateLayer } from './model/non-finite.js';
export { readNpy } from './model/npy.js';
export { requireReadDecoder } from './model/unread-decoder.js';
