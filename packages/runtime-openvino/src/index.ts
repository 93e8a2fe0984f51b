export { createOpenVinoRuntime, type OpenVinoRuntimeOptions } from './openvino-runtime.js';
