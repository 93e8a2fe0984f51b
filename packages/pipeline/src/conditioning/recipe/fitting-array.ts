import { CacheQuantError, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';

/**
 * The shape of a condition of one picture for an input: [1, …]. A first axis of a fixed size other than 1 is none of
 * pictures.
 */
function conditionDims(dims: TensorInfo['dims']): (number | string | null)[] {
  const [first] = dims;
  const hasBatch = dims.length > 0 && (typeof first !== 'number' || first === 1);
  return hasBatch ? [1, ...dims.slice(1)] : [1, ...dims];
}

/**
 * [1, …]
 * @throws CacheQuantError `invalid-argument` where the graph leaves it open
 */
export function fixedConditionDims({ dims, name }: TensorInfo): number[] {
  return conditionDims(dims).map((size) => {
    if (typeof size === 'number') return size;
    throw new CacheQuantError('invalid-argument', 'the graph leaves open how large this input is', {
      where: name,
      got: `[${dims}]`,
      hint: `Give an array: --input ${name}=array.npy`,
    });
  });
}

/** The same number everywhere. */
export function filled(input: TensorInfo, value: number): Tensor {
  const dims = fixedConditionDims(input);
  const count = dims.reduce((product, dim) => product * dim, 1);
  return tensor('float64', dims, new Float64Array(count).fill(value));
}

/**
 * An array as the condition of one picture: [1, …].
 * @throws CacheQuantError `shape`
 */
export function fittingArray({ dims, name }: TensorInfo, array: Tensor, file: string): Tensor {
  const expected = conditionDims(dims);
  const shape = array.dims.length === expected.length - 1 ? [1, ...array.dims] : array.dims;
  const fits =
    shape.length === expected.length &&
    shape.every((size, axis) => typeof expected[axis] !== 'number' || expected[axis] === size);
  if (fits) return { ...array, dims: shape } as Tensor;
  throw new CacheQuantError('shape', 'the array does not fit the input', {
    where: `${file}, for ${name}`,
    expected: `[${expected.map((dim) => dim ?? 'any').join()}]`,
    got: `[${array.dims}]`,
  });
}
