export { encodePng, type GenerationResult, type GenerationStep, type RgbImage } from '@cachequant/pipeline';
export {
  createModelCache,
  directoryStorage,
  droppedStorage,
  filesStorage,
  type ModelCache,
  type ProgressInfo,
} from '@cachequant/runtime-web';
export type { Precision } from './choose-graphs.js';
export type { ModelLocation } from './open-source.js';
export { drawImage, toImageData } from './picture.js';
export { type Preflight, type PreflightFinding, type PreflightOptions, preflight } from './preflight.js';
export { createGenerator, type WebGenerator, type WebGeneratorOptions } from './web-generator.js';
