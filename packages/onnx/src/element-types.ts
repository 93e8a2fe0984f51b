import { bitsOf, type DType } from '@cachequant/tensor';

/** TensorProto.DataType of ONNX for every type that we compute with. */
const ELEMENT_TYPES: Record<DType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

const DTYPES = new Map(Object.entries(ELEMENT_TYPES).map(([dtype, number]) => [number, dtype as DType]));

export const STRING_TYPE = 8;

/** Types that are only carried: complex64, complex128, the float8 family, float4e2m1, float8e8m0, uint2, int2. */
const CARRIED_BITS = new Map([
  [14, 64],
  [15, 128],
  [17, 8],
  [18, 8],
  [19, 8],
  [20, 8],
  [23, 4],
  [24, 8],
  [25, 2],
  [26, 2],
]);

/**
 * The element type behind a number of ONNX's `TensorProto.DataType`, or null if it is only carried.
 * @returns null for types that we carry but do not compute with
 */
export function dtypeOf(elementType: number): DType | null {
  return DTYPES.get(elementType) ?? null;
}

/** TensorProto.DataType of an element type. */
export function elementTypeOf(dtype: DType): number {
  return ELEMENT_TYPES[dtype];
}

/** @returns undefined for strings and for types we do not know */
function bitsOfElementType(elementType: number): number | undefined {
  const dtype = dtypeOf(elementType);
  return dtype === null ? CARRIED_BITS.get(elementType) : bitsOf(dtype);
}

/** @returns undefined where the type does not say */
export function byteLengthOfElements(elementType: number, count: number): number | undefined {
  const bits = bitsOfElementType(elementType);
  return bits === undefined ? undefined : Math.ceil((count * bits) / 8);
}
