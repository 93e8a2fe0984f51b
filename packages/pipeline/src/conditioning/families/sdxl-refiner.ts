import { recipeFamily } from '../recipe/recipe-family.js';
import { takesInputs } from '../takes-inputs.js';
import { SDXL_INPUTS } from './sdxl.js';

/** Numbers on the picture: its size, the corner of the crop, and an aesthetic score in place of the target's size. */
const NUMBERS = 5;

/** Scores of the pictures that the two halves are to be like. */
const AESTHETIC_SCORES = { conditional: 6, unconditional: 2.5 };

/**
 * The refiner of Stable Diffusion XL: the second text encoder of the base model alone, and an aesthetic score. It is made
 * for pictures that are nearly done, so for image to image.
 *
 * Source: diffusers' StableDiffusionXLImg2ImgPipeline with `requires_aesthetics_score`, and its default scores.
 */
export const sdxlRefinerFamily = recipeFamily({
  name: 'Stable Diffusion XL refiner',
  takesText: true,
  guided: true,
  defaults: { guidanceScale: 5 },
  accepts: (model) =>
    takesInputs(model, SDXL_INPUTS) &&
    model.inputs.some(({ name, dims }) => name === 'time_ids' && dims[1] === NUMBERS),
  describe: () => ({
    encoders: {
      text_encoder_2: { tokenizer: 'tokenizer_2', hiddenStates: 'penultimate', pooled: 'text_embeds' },
    },
    inputs: {
      encoder_hidden_states: { from: 'hidden_states', encoder: 'text_encoder_2' },
      text_embeds: { from: 'pooled', encoder: 'text_encoder_2' },
      time_ids: {
        from: 'numbers',
        values: ['height', 'width', 0, 0, AESTHETIC_SCORES.conditional],
        unconditional: ['height', 'width', 0, 0, AESTHETIC_SCORES.unconditional],
        dims: [1, NUMBERS],
        dtype: 'float32',
      },
    },
    windowed: 'encoder_hidden_states',
  }),
});
