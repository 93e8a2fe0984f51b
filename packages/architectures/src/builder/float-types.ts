import {
  CacheQuantError,
  type DType,
  fromBfloat16,
  fromBytes,
  fromFloat16,
  toBytes,
} from '@cachequant/tensor';

/** The types of weights that a graph is built over. */
export type FloatType = Extract<DType, 'float32' | 'float16' | 'bfloat16'>;

const BYTES: Readonly<Record<FloatType, number>> = { float32: 4, float16: 2, bfloat16: 2 };

/** Bytes of one element. */
export function bytesOf(dtype: FloatType): number {
  return BYTES[dtype];
}

/** @throws CacheQuantError `unsupported` for another type, with the parameter's name */
export function asFloatType(dtype: string, parameter: string): FloatType {
  if (dtype in BYTES) return dtype as FloatType;
  throw new CacheQuantError('unsupported', 'weights of this type are not read', {
    where: `parameter '${parameter}'`,
    expected: Object.keys(BYTES).join(', '),
    got: dtype,
  });
}

/** The same numbers in float32; exact. */
export function toFloat32Bytes(bytes: Uint8Array, dtype: FloatType): Uint8Array {
  if (dtype === 'float32') return bytes;
  const bits = fromBytes(dtype, bytes);
  return toBytes(dtype === 'float16' ? fromFloat16(bits) : fromBfloat16(bits));
}
