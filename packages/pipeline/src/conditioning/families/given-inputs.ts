import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import type { StoredOrigin } from '../../model/input-origins.js';
import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';
import type { ConditioningSource, NumbersSource, RequestNumber } from '../recipe/conditioning-recipe.js';
import { fixedConditionDims } from '../recipe/fitting-array.js';
import { recipeFamily } from '../recipe/recipe-family.js';

/**
 * Lone graphs whose further inputs take what `inputs.json` names: a family for each way in which requests can change what
 * they take.
 */
export const givenInputsFamilies: readonly ConditioningFamily[] = [true, false].flatMap((guided) =>
  [true, false].flatMap((embedsGuidance) =>
    [true, false].map((drawsClasses) => givenInputs({ guided, embedsGuidance, drawsClasses })),
  ),
);

interface GivenKind {
  /** A label stands for no class. */
  readonly guided: boolean;
  readonly embedsGuidance: boolean;
  readonly drawsClasses: boolean;
}

function givenInputs({ guided, embedsGuidance, drawsClasses }: GivenKind): ConditioningFamily {
  return recipeFamily({
    name: 'inputs that are given',
    takesText: false,
    guided,
    ...(embedsGuidance && { embedsGuidance }),
    ...(drawsClasses && { classes: (model) => classOrigin(model)!.classes }),
    accepts: (model) =>
      isGiven(model) &&
      drawsClasses === (classOrigin(model) !== undefined) &&
      guided === (classOrigin(model)?.none !== undefined) &&
      embedsGuidance === originsOf(model).some(({ from }) => from === 'guidance'),
    describe: (model) => ({
      encoders: {},
      inputs: Object.fromEntries(
        model.inputs.map((input) => [input.name, sourceOf(input, originOf(model, input))]),
      ),
    }),
  });
}

function isGiven({ folder, inputs }: ConditionedModel): boolean {
  return (
    folder.inputOrigins !== undefined &&
    inputs.length > 0 &&
    inputs.every(({ name }) => Object.hasOwn(folder.inputOrigins!, name))
  );
}

function originsOf(model: ConditionedModel): readonly StoredOrigin[] {
  return model.inputs.map((input) => originOf(model, input));
}

function classOrigin(model: ConditionedModel): Extract<StoredOrigin, { from: 'class' }> | undefined {
  for (const origin of originsOf(model)) if (origin.from === 'class') return origin;
  return undefined;
}

function originOf({ folder }: ConditionedModel, { name }: TensorInfo): StoredOrigin {
  return folder.inputOrigins![name]!;
}

function sourceOf(input: TensorInfo, origin: StoredOrigin): ConditioningSource {
  if (origin.from === 'file') return { from: 'file', file: origin.file };
  if (origin.from === 'value') return numbers(input, origin.value);
  if (origin.from === 'class') {
    const source = numbers(input, 'class_label');
    return { ...source, ...(origin.none !== undefined && { unconditional: [origin.none] }) };
  }
  if (origin.from === 'guidance') return numbers(input, 'guidance_scale');
  if (origin.from === 'width' || origin.from === 'height') return numbers(input, origin.from);
  throw new CacheQuantError('invalid-argument', 'this input is fed by sampling', { where: input.name });
}

function numbers(input: TensorInfo, value: number | RequestNumber): NumbersSource {
  const isWhole = input.dtype === 'int32' || input.dtype === 'int64';
  return {
    from: 'numbers',
    values: [value],
    dims: fixedConditionDims(input),
    dtype: isWhole ? input.dtype : 'float32',
  };
}
