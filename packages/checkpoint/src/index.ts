export { findWeightFiles, type WeightFiles } from './find-weight-files.js';
export { fromFloat8 } from './float8.js';
export { openGguf } from './gguf/open-gguf.js';
export type { AdapterSettings } from './lora/adapter-settings.js';
export { type MergedModel, mergeLoras, type WeightedLora } from './lora/merge-loras.js';
export { type Lora, type LoraLayer, openLora } from './lora/open-lora.js';
export { type DiffusersFolder, openDiffusersFolder } from './open-diffusers-folder.js';
export { openWeightFile, openWeights, type WeightFile } from './open-weights.js';
export { float32Chunks, readFloat32 } from './read-float32.js';
export { openSafetensors, type SafetensorsFile } from './safetensors/open-safetensors.js';
export { openSharded } from './safetensors/open-sharded.js';
export type { Family } from './single-file/family.js';
export { type LonePart, openPart } from './single-file/open-part.js';
export {
  type Component,
  openSingleFile,
  type SingleFileModel,
  type SingleFileOptions,
  type SingleFilePart,
} from './single-file/open-single-file.js';
export type { Prediction, PredictionType } from './single-file/prediction-type.js';
export { blobSource } from './sources/blob-source.js';
export { type UrlSourceOptions, urlSource } from './sources/url-source.js';
export { addTokens, openTextualInversion, type TextualInversion, tokenCount } from './textual-inversion.js';
export type { ElementRange, WeightDType, WeightLocation, WeightSource } from './weight-source.js';
export { bytesPerElement } from './weight-types.js';
export { type ViewedWeight, WeightView } from './weight-view.js';
