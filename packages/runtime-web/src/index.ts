export type { Device } from './choose-backend.js';
export { describeAdapter } from './describe-adapter.js';
export { type ProgressCallback, type ProgressInfo, ProgressReporter } from './progress.js';
export type { AdapterDescription, Backend, WasmPaths } from './protocol.js';
export type { RuntimeAssets } from './start-worker.js';
export { blobStorage } from './storage/blob-storage.js';
export { directoryStorage, droppedStorage, filesStorage } from './storage/chosen-files.js';
export {
  type HttpStorage,
  type HttpStorageOptions,
  httpStorage,
  type KnownFile,
} from './storage/http-storage.js';
export { createModelCache, type ModelCache, type ModelCacheOptions } from './storage/model-cache.js';
export { hasOpfs, opfsStorage } from './storage/opfs-storage.js';
export type { StoredFile } from './storage/part-store.js';
export { createWebRuntime, type WebRuntime, type WebRuntimeOptions, type WebSession } from './web-runtime.js';
