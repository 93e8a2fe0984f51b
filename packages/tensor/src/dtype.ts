/** Element types, named as in the ONNX standard. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'int4'
  | 'uint4';

/**
 * The array that holds a tensor of each element type. As the ecosystem stores them: float16 and bfloat16
 * are bit patterns in a `Uint16Array`, bool is one byte an element, int4 and uint4 are packed two to a byte,
 * the first element in the low half.
 */
export interface DTypeArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  int4: Uint8Array;
  uint4: Uint8Array;
}

/** The array of any element type. */
export type TensorData = DTypeArrays[DType];

interface ArrayConstructor {
  new (length: number): TensorData;
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): TensorData;
  readonly BYTES_PER_ELEMENT: number;
}

const CONSTRUCTORS: Record<DType, ArrayConstructor> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
};

/** Bits that one element takes. */
export function bitsOf(dtype: DType): number {
  return dtype === 'int4' || dtype === 'uint4' ? 4 : CONSTRUCTORS[dtype].BYTES_PER_ELEMENT * 8;
}

/** Bytes that `count` elements take; a trailing half byte is rounded up. */
export function byteLengthOf(dtype: DType, count: number): number {
  return Math.ceil((count * bitsOf(dtype)) / 8);
}

/** A zeroed array for `count` elements. */
export function allocate<D extends DType>(dtype: D, count: number): DTypeArrays[D] {
  const ArrayType = CONSTRUCTORS[dtype];
  return new ArrayType(byteLengthOf(dtype, count) / ArrayType.BYTES_PER_ELEMENT) as DTypeArrays[D];
}

/**
 * The elements that a run of bytes holds (little-endian, as ONNX stores them). Shares memory where the
 * alignment allows it and copies otherwise.
 */
export function fromBytes<D extends DType>(dtype: D, bytes: Uint8Array): DTypeArrays[D] {
  const ArrayType = CONSTRUCTORS[dtype];
  const size = ArrayType.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : Uint8Array.from(bytes);
  return new ArrayType(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(aligned.byteLength / size),
  ) as DTypeArrays[D];
}

/** The bytes behind a typed array, as a view. */
export function toBytes(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
