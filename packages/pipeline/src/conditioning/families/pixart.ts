import type { ConditionedModel } from '../conditioning-encoder.js';
import { recipeFamily } from '../recipe/recipe-family.js';
import { takesInputs } from '../takes-inputs.js';

const TEXT = ['encoder_hidden_states', 'encoder_attention_mask'];
const SIZE = ['resolution', 'aspect_ratio'];

/**
 * PixArt: the hidden states of T5 and which of its tokens are text, and, of the models for 1024 pixels, the picture's
 * size and form. The unconditional half is the negative prompt, empty where there is none. Prompts are taken in lower
 * case, without the whitespace around them.
 *
 * Sources: Chen et al., PixArt-α, 2023, https://arxiv.org/abs/2310.00426, and PixArt-Σ, 2024,
 * https://arxiv.org/abs/2403.04692, as diffusers' PixArtAlphaPipeline and PixArtSigmaPipeline do it. Differs: prompts
 * are not cleaned of HTML and addresses (`clean_caption`), and sizes are taken as they are asked for, not moved to the
 * nearest of a list (`use_resolution_binning`).
 * @param length tokens of a prompt
 */
function pixArt(name: string, length: number, accepts: (model: ConditionedModel) => boolean) {
  return recipeFamily({
    name,
    takesText: true,
    guided: true,
    defaults: { steps: 20, guidanceScale: 4.5 },
    accepts,
    describe: ({ inputs }) => ({
      encoders: { text_encoder: { tokenizer: 'tokenizer', length, padding: 'masked', lowerCase: true } },
      inputs: {
        encoder_hidden_states: { from: 'hidden_states', encoder: 'text_encoder' },
        encoder_attention_mask: { from: 'attention_mask', encoder: 'text_encoder' },
        ...(inputs.some(({ name }) => name === SIZE[0]) && {
          resolution: { from: 'numbers', values: ['height', 'width'], dims: [1, 2], dtype: 'float32' },
          aspect_ratio: { from: 'numbers', values: ['aspect_ratio'], dims: [1, 1], dtype: 'float32' },
        }),
      },
    }),
  });
}

const SIGMA = 'PixArtSigmaPipeline';

export const pixArtSigmaFamily = pixArt(
  'PixArt-Σ',
  300,
  (model) => takesInputs(model, TEXT) && model.folder.index?._class_name === SIGMA,
);

export const pixArtAlphaFamily = pixArt('PixArt-α', 120, (model) =>
  takesInputs(model, TEXT)
    ? model.folder.index?._class_name !== SIGMA
    : takesInputs(model, [...TEXT, ...SIZE]),
);
