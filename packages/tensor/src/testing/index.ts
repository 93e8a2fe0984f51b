export { type ModelSpec, type NodeSpec, type ValueSpec, writeModel } from './onnx-writer.js';
