import { recipeFamily } from '../recipe/recipe-family.js';

/**
 * Models that take the hidden states of one text encoder, under whatever name: Stable Diffusion 1.x and 2.x, LDM with
 * text. The unconditional half is the negative prompt.
 */
export const textFamily = recipeFamily({
  name: 'one text encoder',
  takesText: true,
  guided: true,
  accepts: ({ folder, inputs }) => folder.textEncoder !== undefined && inputs.length === 1,
  describe: ({ inputs: [input] }) => ({
    encoders: { text_encoder: { tokenizer: 'tokenizer' } },
    inputs: { [input!.name]: { from: 'hidden_states', encoder: 'text_encoder' } },
    windowed: input!.name,
  }),
});
