import { recipeFamily } from '../recipe/recipe-family.js';
import { takesInputs } from '../takes-inputs.js';

export const SDXL_INPUTS: readonly string[] = ['encoder_hidden_states', 'text_embeds', 'time_ids'];

/** Numbers on the picture: its size, the corner of the crop, and the target's size. */
const NUMBERS = 6;

/**
 * Stable Diffusion XL: the hidden states before the last layer of two text encoders side by side, the pooled vector of
 * the second, and the size of the picture. The unconditional half is the negative prompt; without one it is zeros,
 * where the model says so.
 *
 * Source: Podell et al., SDXL, 2023, https://arxiv.org/abs/2307.01952, as diffusers' StableDiffusionXLPipeline does
 * it. Differs: an empty negative prompt counts as none.
 */
export const sdxlFamily = recipeFamily({
  name: 'Stable Diffusion XL',
  takesText: true,
  guided: true,
  defaults: { guidanceScale: 5 },
  accepts: (model) =>
    takesInputs(model, SDXL_INPUTS) &&
    model.inputs.some(
      ({ name, dims }) => name === 'time_ids' && (typeof dims[1] !== 'number' || dims[1] === NUMBERS),
    ),
  describe: ({ folder }) => ({
    encoders: {
      text_encoder: { tokenizer: 'tokenizer', hiddenStates: 'penultimate' },
      text_encoder_2: { tokenizer: 'tokenizer_2', hiddenStates: 'penultimate', pooled: 'text_embeds' },
    },
    inputs: {
      encoder_hidden_states: {
        from: 'concat',
        axis: 2,
        parts: [
          { from: 'hidden_states', encoder: 'text_encoder' },
          { from: 'hidden_states', encoder: 'text_encoder_2' },
        ],
      },
      text_embeds: { from: 'pooled', encoder: 'text_encoder_2' },
      // Size of the original, corner of the crop, size of the target: as if nothing had been scaled or cut.
      time_ids: {
        from: 'numbers',
        values: ['height', 'width', 0, 0, 'height', 'width'],
        dims: [1, NUMBERS],
        dtype: 'float32',
      },
    },
    ...(folder.index?.force_zeros_for_empty_prompt && {
      zerosWithoutText: ['encoder_hidden_states', 'text_embeds'],
    }),
    // Both tokenizers have the same words; what one leaves out, the other does too.
    limitedBy: 'text_encoder',
    windowed: 'encoder_hidden_states',
  }),
});
