import { bitsOf } from '@cachequant/tensor';
import type { WeightDType } from './weight-source.js';

/** Bytes of one element. */
export function bytesPerElement(dtype: WeightDType): number {
  return dtype === 'float8e4m3fn' || dtype === 'float8e5m2' ? 1 : bitsOf(dtype) / 8;
}

/** The number of elements of a shape. */
export function countOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
