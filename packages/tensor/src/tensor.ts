import { allocate, byteLengthOf, type DType, type DTypeArrays } from './dtype.js';
import { CacheQuantError } from './errors.js';

/** A dense, row-major array with an element type and a shape. A scalar has `dims` []. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly data: DTypeArrays[D];
}

/** A tensor that stays where it was computed until it is read. */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Where it lives; the runtime that made it is the only one that can use it. */
  readonly device: string;
  /** Copies the elements out. */
  read(): Promise<Tensor>;
  /** Frees the memory on the device. */
  dispose(): void;
}

/** A tensor as a model declares it. A dimension that is not fixed is its symbol's name, or null without one. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string | null)[];
}

/** How many elements a shape has; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/**
 * Puts data and shape together.
 * @param data left out: zeros
 * @throws CacheQuantError `shape` when the data's length does not fit the shape
 */
export function tensor<D extends DType>(dtype: D, dims: readonly number[], data?: DTypeArrays[D]): Tensor<D> {
  const count = elementCount(dims);
  if (!dims.every((dim) => Number.isInteger(dim) && dim >= 0)) {
    throw new CacheQuantError('shape', 'a dimension is not a whole number', {
      where: 'tensor',
      got: `[${dims}]`,
    });
  }
  if (data === undefined) return { dtype, dims, data: allocate(dtype, count) };
  if (data.byteLength !== byteLengthOf(dtype, count)) {
    throw new CacheQuantError('shape', 'data and shape disagree', {
      where: 'tensor',
      expected: `${byteLengthOf(dtype, count)} bytes for ${dtype}[${dims}]`,
      got: `${data.byteLength} bytes`,
    });
  }
  return { dtype, dims, data };
}

/** Whether a tensor's elements are still where they were computed. */
export function isDeviceTensor(value: Tensor | DeviceTensor): value is DeviceTensor {
  return 'read' in value;
}

/** A tensor with its elements in memory; one on a device is copied, and stays there until it is disposed of. */
export async function readTensor(value: Tensor | DeviceTensor): Promise<Tensor> {
  return isDeviceTensor(value) ? value.read() : value;
}
