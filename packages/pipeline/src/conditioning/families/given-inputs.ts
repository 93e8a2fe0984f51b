import { CacheQuantError, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import type { Conditioning } from '../../denoise/denoiser.js';
import type { InputOrigins } from '../../model/input-origins.js';
import { readNpy } from '../../model/npy.js';
import type { ConditioningFamily, OpenConditioningContext } from '../conditioning-encoder.js';

/** A lone graph whose further inputs take what `inputs.json` names: numbers and arrays, the same for every picture. */
export const givenInputsFamily: ConditioningFamily = {
  name: 'inputs that are given',
  takesText: false,
  guided: false,
  accepts: ({ folder, inputs }) =>
    folder.inputOrigins !== undefined &&
    inputs.length > 0 &&
    inputs.every(({ name }) => Object.hasOwn(folder.inputOrigins!, name)),
  async open(context) {
    const conditioning = await givenConditioning(context, context.folder.inputOrigins!);
    return { encode: async () => conditioning, dispose: async () => {} };
  },
};

async function givenConditioning(
  { folder: { storage }, inputs }: OpenConditioningContext,
  origins: InputOrigins,
): Promise<Conditioning> {
  const fed: Record<string, Tensor> = {};
  for (const input of inputs) {
    const origin = origins[input.name]!;
    if (origin.from === 'value') fed[input.name] = filled(input, origin.value);
    else if (origin.from === 'file') {
      fed[input.name] = asOne(input, readNpy(await storage.read(origin.file), origin.file), origin.file);
    }
  }
  return fed;
}

function filled({ dims, name }: TensorInfo, value: number): Tensor {
  const sizes = dims.map((dim, axis) => (axis === 0 ? 1 : dim));
  if (sizes.some((size) => typeof size !== 'number')) {
    throw new CacheQuantError('invalid-argument', 'the graph leaves open how large this input is', {
      where: name,
      got: `[${dims}]`,
      hint: `Give an array: --input ${name}=array.npy`,
    });
  }
  const count = (sizes as number[]).reduce((product, size) => product * size, 1);
  return tensor('float64', sizes as number[], new Float64Array(count).fill(value));
}

/** The array as the condition of one picture: [1, …]. */
function asOne({ dims, name }: TensorInfo, array: Tensor, file: string): Tensor {
  const shape = array.dims.length === dims.length - 1 ? [1, ...array.dims] : array.dims;
  const fits =
    shape.length === dims.length &&
    shape[0] === 1 &&
    shape.every((size, axis) => axis === 0 || typeof dims[axis] !== 'number' || dims[axis] === size);
  if (fits) return { ...array, dims: shape } as Tensor;
  throw new CacheQuantError('shape', 'the array does not fit the input', {
    where: `${file}, for ${name}`,
    expected: `[${[1, ...dims.slice(1).map((dim) => dim ?? 'any')].join()}]`,
    got: `[${array.dims}]`,
  });
}
