import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import type { StoredOrigin } from '../../model/input-origins.js';
import type { ConditionedModel } from '../conditioning-encoder.js';
import type { ConditioningSource } from '../recipe/conditioning-recipe.js';
import { conditionDims } from '../recipe/fitting-array.js';
import { recipeFamily } from '../recipe/recipe-family.js';

/** A lone graph whose further inputs take what `inputs.json` names. */
export const givenInputsFamily = recipeFamily({
  name: 'inputs that are given',
  takesText: false,
  guided: false,
  accepts: ({ folder, inputs }) =>
    folder.inputOrigins !== undefined &&
    inputs.length > 0 &&
    inputs.every(({ name }) => Object.hasOwn(folder.inputOrigins!, name)),
  describe: (model) => ({
    encoders: {},
    inputs: Object.fromEntries(
      model.inputs.map((input) => [input.name, sourceOf(input, originOf(model, input))]),
    ),
  }),
});

function originOf({ folder }: ConditionedModel, { name }: TensorInfo): StoredOrigin {
  return folder.inputOrigins![name]!;
}

function sourceOf(input: TensorInfo, origin: StoredOrigin): ConditioningSource {
  if (origin.from === 'file') return { from: 'file', file: origin.file };
  if (origin.from === 'value') {
    return { from: 'numbers', values: [origin.value], dims: fixedDims(input), dtype: 'float32' };
  }
  throw new CacheQuantError('invalid-argument', 'this input is fed by sampling', { where: input.name });
}

/** [1, …] */
function fixedDims({ dims, name }: TensorInfo): number[] {
  return conditionDims(dims).map((size) => {
    if (typeof size === 'number') return size;
    throw new CacheQuantError('invalid-argument', 'the graph leaves open how large this input is', {
      where: name,
      got: `[${dims}]`,
      hint: `Give an array: --input ${name}=array.npy`,
    });
  });
}
