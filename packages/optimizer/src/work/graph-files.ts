/** Where the graphs of a study are in the work folder. */
export const FLOAT_FULL = 'float/full.onnx';
export const FLOAT_CACHED = 'float/cached.onnx';
export const INTEGER_FULL = 'int8/full.onnx';
export const FLOAT_OBSERVED = 'float/full-observed.onnx';
