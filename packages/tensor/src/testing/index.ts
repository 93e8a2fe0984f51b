export { type MemoryStorage, memoryStorage, type StorageFaults } from '../memory-storage.js';
export { describeRuntime } from './describe-runtime.js';
export { describeStorage } from './describe-storage.js';
export { type ModelSpec, type NodeSpec, type ValueSpec, writeModel } from './onnx-writer.js';
export type { RuntimeSuiteOptions } from './runtime-suite.js';
export { stoppedAfter } from './stopped-after.js';
export type { TestApi } from './test-api.js';
