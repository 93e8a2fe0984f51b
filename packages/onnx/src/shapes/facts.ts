import type { DType } from '@cachequant/tensor';
import type { Dim } from '../model.js';

/** One element of a small constant: a number (booleans are 0 and 1), the symbol of a dimension, or unknown. */
export type Element = Dim;

/** What inference knows of a tensor. */
export interface TensorFacts {
  readonly dtype: DType | null;
  /** Undefined when not even the rank is known. */
  readonly dims: Dim[] | undefined;
  /** The elements in row-major order, where the tensor is small and follows from constants and shapes. */
  readonly values?: readonly Element[] | undefined;
}

/** Constants up to this many elements are followed through the graph. */
export const MAX_VALUES = 4096;

export const UNKNOWN: TensorFacts = { dtype: null, dims: undefined };

const INTEGERS: ReadonlySet<DType | null> = new Set<DType>([
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'int4',
  'uint4',
]);

const FLOATS: ReadonlySet<DType | null> = new Set<DType>(['float32', 'float64', 'float16', 'bfloat16']);

export function isInteger(dtype: DType | null): boolean {
  return INTEGERS.has(dtype);
}

export function isFloat(dtype: DType | null): boolean {
  return FLOATS.has(dtype);
}

export function isStatic(dims: readonly Dim[] | undefined): dims is number[] {
  return dims?.every((dim) => typeof dim === 'number' && Number.isInteger(dim) && dim >= 0) ?? false;
}

/** Facts of a tensor whose elements may be known. They are dropped where there are too many or the shape is open. */
export function facts(
  dtype: DType | null,
  dims: Dim[] | undefined,
  values?: readonly Element[] | undefined,
): TensorFacts {
  const keep = values !== undefined && values.length <= MAX_VALUES && isStatic(dims);
  return keep ? { dtype, dims, values } : { dtype, dims };
}

/** The elements as numbers, or undefined when any of them is unknown or symbolic. */
export function numbersOf(tensor: TensorFacts | undefined): number[] | undefined {
  const values = tensor?.values;
  return values?.every((value) => typeof value === 'number') ? [...(values as number[])] : undefined;
}

/** A tensor of one element, as that element; null when it is not known. */
export function scalarOf(tensor: TensorFacts | undefined): Element {
  return tensor?.values?.length === 1 ? (tensor.values[0] ?? null) : null;
}
