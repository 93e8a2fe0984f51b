import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';
import { takesInputs } from '../takes-inputs.js';
import { type ConditioningRecipe, conditioningRecipeSchema } from './conditioning-recipe.js';
import { openRecipe } from './open-recipe.js';

/** What a family says beside what it is: where the inputs come from. */
export type RecipeParts = Pick<ConditioningRecipe, 'encoders' | 'inputs'> & Partial<ConditioningRecipe>;

/** A family that says in data what its models are conditioned on. */
export interface RecipeFamily extends Omit<ConditioningFamily, 'open' | 'classes' | 'describe'> {
  /** How many classes a model draws; left out: requests name none. */
  readonly classes?: (model: ConditionedModel) => number;
  /** What the family itself says need not be said again. */
  describe(model: ConditionedModel): RecipeParts;
}

/** A family whose models can be described. */
export type DescribedFamily = ConditioningFamily & Required<Pick<ConditioningFamily, 'describe'>>;

/** Makes a family of what is said in data, whose bundles run wherever recipes are read. */
export function recipeFamily(family: RecipeFamily): DescribedFamily {
  const { name, takesText, guided, embedsGuidance, takesControl, defaults, sampling } = family;
  const describe = (model: ConditionedModel): ConditioningRecipe => ({
    family: name,
    takesText,
    guided,
    ...(embedsGuidance && { embedsGuidance }),
    ...(takesControl && { takesControl }),
    ...(family.classes && { classes: family.classes(model) }),
    ...(defaults && { defaults }),
    ...(sampling && { sampling }),
    ...family.describe(model),
  });
  return {
    ...family,
    describe,
    open: (context) => openRecipe(conditioningRecipeSchema.parse(describe(context)), context),
  };
}

/** The family of a bundle that says where its inputs come from. */
export function familyOfRecipe(given: ConditioningRecipe): ConditioningFamily {
  const recipe = conditioningRecipeSchema.parse(given);
  const {
    family: name,
    takesText,
    guided,
    embedsGuidance,
    takesControl,
    classes,
    defaults,
    sampling,
  } = recipe;
  return {
    name,
    takesText,
    guided,
    ...(embedsGuidance !== undefined && { embedsGuidance }),
    ...(takesControl !== undefined && { takesControl }),
    ...(classes !== undefined && { classes: () => classes }),
    ...(defaults && { defaults: definedOf(defaults) }),
    ...(sampling && { sampling: definedOf(sampling) }),
    accepts: (model) => takesInputs(model, Object.keys(recipe.inputs)),
    describe: () => given,
    open: (context) => openRecipe(recipe, context),
  };
}

/** Without the fields that are undefined. */
function definedOf<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
