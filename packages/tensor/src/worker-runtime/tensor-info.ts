import { CacheQuantError, type DType, type TensorInfo } from '../index.js';
import type { ValueDescription } from './protocol.js';

const KNOWN: ReadonlySet<string> = new Set<DType>([
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'int4',
  'uint4',
]);

/** @throws CacheQuantError `unsupported` for strings, sequences, maps and optional values */
export function tensorInfo({ name, type, shape }: ValueDescription, where: string): TensorInfo {
  if (type === undefined || !KNOWN.has(type)) {
    throw new CacheQuantError('unsupported', `"${name}" is not a tensor of numbers`, {
      where,
      expected: 'tensors of numbers at all inputs and outputs',
      got: type ?? 'a sequence, map or optional value',
    });
  }
  return {
    name,
    dtype: type as DType,
    dims: shape.map((dim) => (dim === undefined || dim === '' ? null : dim)),
  };
}
