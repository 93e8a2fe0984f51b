import type { CallTableBuilder } from '@cachequant/onnx';
import type { PackedWeight } from './packed-weight.js';

/** TensorProto.DataType */
const INT8 = 3;

/**
 * Adds a layer's integers to a graph and returns the name of an int8 tensor.
 *
 * Those stored in four bits go through a Cast, which every ONNX Runtime folds when it loads the model: on disk they
 * take half a byte, and kernels compute with 8-bit weights as ever.
 */
export function integerWeight(builder: CallTableBuilder, { integers }: PackedWeight): string {
  builder.model.graph.initializers.set(integers.name, integers);
  if (integers.dtype !== 'int4') return integers.name;
  return builder.node('Cast', [integers.name], builder.name(`${integers.name}/int8`), { to: INT8 });
}
