export type { Device } from './choose-backend.js';
export { describeAdapter } from './describe-adapter.js';
export type { AdapterDescription, Backend, WasmPaths } from './protocol.js';
export type { RuntimeAssets } from './start-worker.js';
export { createWebRuntime, type WebRuntime, type WebRuntimeOptions } from './web-runtime.js';
