import { recipeFamily } from '../recipe/recipe-family.js';

/** Models that are conditioned on nothing: DDPM, LDM without text, and the like. */
export const unconditionalFamily = recipeFamily({
  name: 'unconditional',
  takesText: false,
  guided: false,
  accepts: ({ folder, inputs }) => folder.textEncoder === undefined && inputs.length === 0,
  describe: () => ({ encoders: {}, inputs: {} }),
});
