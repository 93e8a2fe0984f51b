import { byteLengthOf, elementCount, fromBytes } from '@cachequant/tensor';
import type { Weight } from '../model.js';
import { facts, isInteger, MAX_VALUES, type TensorFacts } from './facts.js';

/** What a weight says without loading it: its elements only where they are few and already in memory. */
export function weightFacts(weight: Weight): TensorFacts {
  const { dtype, data } = weight;
  const dims = [...weight.dims];
  const count = elementCount(dims);
  const readable =
    dtype === 'float32' ||
    dtype === 'float64' ||
    dtype === 'bool' ||
    (isInteger(dtype) && !dtype?.endsWith('int4'));
  if (dtype === null || !readable || data.kind !== 'bytes' || count > MAX_VALUES) return { dtype, dims };
  if (data.bytes.byteLength !== byteLengthOf(dtype, count)) return { dtype, dims };
  return facts(dtype, dims, Array.from(fromBytes(dtype, Uint8Array.from(data.bytes)), Number));
}
