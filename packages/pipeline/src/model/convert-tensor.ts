import {
  CacheQuantError,
  type DeviceTensor,
  type DType,
  fromBfloat16,
  fromFloat16,
  isDeviceTensor,
  type Tensor,
  tensor,
  toBfloat16,
  toFloat16,
} from '@cachequant/tensor';

/**
 * The same numbers in another element type; float16, bfloat16 and integers are rounded to the nearest.
 * @throws CacheQuantError `dtype` for a conversion that no model needs
 */
export function convertTensor(source: Tensor, dtype: DType): Tensor {
  if (source.dtype === dtype) return source;
  const values = toNumbers(source);
  switch (dtype) {
    case 'float32':
      return tensor(dtype, source.dims, Float32Array.from(values));
    case 'float64':
      return tensor(dtype, source.dims, Float64Array.from(values));
    case 'float16':
      return tensor(dtype, source.dims, toFloat16(Float32Array.from(values)));
    case 'bfloat16':
      return tensor(dtype, source.dims, toBfloat16(Float32Array.from(values)));
    case 'int32':
      return tensor(dtype, source.dims, Int32Array.from(values, Math.round));
    case 'int64':
      return tensor(dtype, source.dims, BigInt64Array.from(Array.from(values, toBigInt)));
    default:
      throw new CacheQuantError('dtype', `cannot turn ${source.dtype} into ${dtype}`, {
        where: 'model input',
      });
  }
}

/** Brings a network's output to the host as float32 and frees it where it was computed. */
export async function readFloat32(output: Tensor | DeviceTensor): Promise<Tensor<'float32'>> {
  if (!isDeviceTensor(output)) return asFloat32(output);
  try {
    return asFloat32(await output.read());
  } finally {
    output.dispose();
  }
}

function asFloat32(source: Tensor): Tensor<'float32'> {
  return tensor('float32', source.dims, convertTensor(source, 'float32').data as Float32Array);
}

function toBigInt(value: number): bigint {
  return BigInt(Math.round(value));
}

function toNumbers({ dtype, data }: Tensor): ArrayLike<number> {
  if (dtype === 'float16') return fromFloat16(data as Uint16Array);
  if (dtype === 'bfloat16') return fromBfloat16(data as Uint16Array);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Array.from(data, Number);
  return data;
}
