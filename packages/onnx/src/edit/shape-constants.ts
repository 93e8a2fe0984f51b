import type { OnnxGraph, Weight, WeightData } from '../model.js';

/** Operators with inputs of floats that decide the size of what they make, beside integers. */
const SIZED_BY_FLOATS = new Set(['Resize', 'Upsample', 'Range']);

/** Longer lists are data, such as the indices of a Gather. */
const LONGEST_SHAPE_BYTES = 1024 * 1024;

/**
 * Names of the initializers from which a runtime may have to tell the shapes of other tensors: targets of Reshape,
 * sizes of Split, bounds of Slice, scales of Resize, and whatever such numbers are computed from.
 *
 * They have to lie in the graph's own file: ONNX Runtime reads them before it opens external data, and refuses the
 * graph with "Cannot parse data from external tensors".
 */
export function shapeConstants(graph: OnnxGraph): Set<string> {
  const names = new Set<string>();
  for (const [name, weight] of graph.initializers) if (isListOfIntegers(weight)) names.add(name);
  for (const { opType, inputs } of graph.nodes) {
    if (!SIZED_BY_FLOATS.has(opType)) continue;
    for (const name of opType === 'Range' ? inputs : inputs.slice(1)) names.add(name);
  }
  return names;
}

function isListOfIntegers({ dtype, dims, data }: Weight): boolean {
  const integers = dtype === 'int64' || dtype === 'int32';
  return integers && dims.length <= 1 && byteLengthOfData(data) <= LONGEST_SHAPE_BYTES;
}

/** Bytes of a weight's elements, wherever they lie. */
export function byteLengthOfData(data: WeightData): number {
  return data.kind === 'bytes' ? data.bytes.byteLength : data.length;
}
