export { fromFloat8 } from './float8.js';
export { float32Chunks, readFloat32 } from './read-float32.js';
export { openSafetensors, type SafetensorsFile } from './safetensors/open-safetensors.js';
export type { ElementRange, WeightDType, WeightLocation, WeightSource } from './weight-source.js';
export { bytesPerElement } from './weight-types.js';
