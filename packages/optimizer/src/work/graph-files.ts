/** Where the graphs of a calibrated model are in the work folder. */
export const FLOAT_FULL = 'float/full.onnx';
/** The work folder's cached graph in float. */
export const FLOAT_CACHED = 'float/cached.onnx';
/** The work folder's full graph in integers. */
export const INTEGER_FULL = 'int8/full.onnx';
export const FLOAT_OBSERVED = 'float/full-observed.onnx';
