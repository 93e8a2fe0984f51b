import { CacheQuantError, fromBytes, readExactly, type Tensor, tensor, toBytes } from '@cachequant/tensor';
import { elementTypeOf } from '../element-types.js';
import type { Weight } from '../model.js';

/**
 * A weight's elements as bytes, little-endian; a view where they lie in memory.
 * @throws CacheQuantError `invalid-argument` for external data that was not opened
 */
export async function readWeightBytes(weight: Weight): Promise<Uint8Array> {
  const { data } = weight;
  if (data.kind === 'bytes') return data.bytes;
  if (data.kind === 'range') return readExactly(data.source, data.offset, data.length);
  throw new CacheQuantError('invalid-argument', 'the elements lie in a file that is not open', {
    where: `weight '${weight.name}'`,
    got: data.location,
    hint: 'Read the model with readModel, which opens its external data',
  });
}

/**
 * Loads one weight. Shapes: as the weight's `dims`.
 * @throws CacheQuantError `unsupported` for types without a tensor (strings, float8, complex numbers, …)
 */
export async function readWeight(weight: Weight): Promise<Tensor> {
  if (weight.dtype === null) {
    throw new CacheQuantError('unsupported', 'tensors of this element type are not supported', {
      where: `weight '${weight.name}'`,
      got: `TensorProto.DataType ${weight.elementType}`,
    });
  }
  return tensor(weight.dtype, weight.dims, fromBytes(weight.dtype, await readWeightBytes(weight)));
}

/** A weight that holds a tensor's elements, without copying them. */
export function weightOf(values: Tensor, name: string): Weight {
  return {
    name,
    dtype: values.dtype,
    elementType: elementTypeOf(values.dtype),
    dims: [...values.dims],
    data: { kind: 'bytes', bytes: toBytes(values.data) },
  };
}
