export { type ChosenFiles, chooseFiles } from './choose-files.js';
export { type CachedModel, type DownloadOptions, downloadModel } from './download-model.js';
export { HubError, type HubErrorReason } from './hub-error.js';
export { checkModelId } from './model-id.js';
export type { HubProgress } from './progress.js';
export { type HubSettings, hubSettings } from './settings.js';
