export { createNodeRuntime, type NodeRuntimeOptions } from './node-runtime.js';
export { nodeStorage } from './node-storage.js';
