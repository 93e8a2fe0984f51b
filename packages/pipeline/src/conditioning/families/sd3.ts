import type { ConditioningSource } from '../recipe/conditioning-recipe.js';
import { recipeFamily } from '../recipe/recipe-family.js';
import { takesInputs } from '../takes-inputs.js';

const INPUTS = ['encoder_hidden_states', 'pooled_projections'];
/** Tokens of T5. */
const LENGTH = 256;

const CLIP = { hiddenStates: 'penultimate', pooled: 'text_embeds' };

/**
 * Stable Diffusion 3 and 3.5: the hidden states before the last layer of two CLIP encoders side by side, widened with
 * zeros, and behind them those of T5; the pooled vectors of the two. A folder whose index leaves T5 out has zeros in its
 * place. The unconditional half is the negative prompt, empty where there is none.
 *
 * Source: Esser et al., Scaling Rectified Flow Transformers, 2024, https://arxiv.org/abs/2403.03206, as diffusers'
 * StableDiffusion3Pipeline does it.
 */
export const sd3Family = recipeFamily({
  name: 'Stable Diffusion 3',
  takesText: true,
  guided: true,
  defaults: { steps: 28, guidanceScale: 7 },
  accepts: (model) => takesInputs(model, INPUTS),
  describe({ folder, inputs }) {
    const isLong = !isLeftOut(folder.index?.text_encoder_3);
    const width = inputs.find(({ name }) => name === INPUTS[0])?.dims[2];
    const long: ConditioningSource = isLong
      ? { from: 'hidden_states', encoder: 'text_encoder_3' }
      : { from: 'zeros', dims: [1, LENGTH, typeof width === 'number' ? width : 0] };
    return {
      encoders: {
        text_encoder: { tokenizer: 'tokenizer', ...CLIP },
        text_encoder_2: { tokenizer: 'tokenizer_2', ...CLIP },
        ...(isLong && {
          text_encoder_3: { tokenizer: 'tokenizer_3', length: LENGTH, padding: 'attended' as const },
        }),
      },
      inputs: {
        encoder_hidden_states: {
          from: 'concat',
          axis: 1,
          widen: true,
          parts: [
            {
              from: 'concat',
              axis: 2,
              parts: [
                { from: 'hidden_states', encoder: 'text_encoder' },
                { from: 'hidden_states', encoder: 'text_encoder_2' },
              ],
            },
            long,
          ],
        },
        pooled_projections: {
          from: 'concat',
          axis: 1,
          parts: [
            { from: 'pooled', encoder: 'text_encoder' },
            { from: 'pooled', encoder: 'text_encoder_2' },
          ],
        },
      },
      limitedBy: isLong ? 'text_encoder_3' : 'text_encoder',
      skipsLayers: true,
    };
  },
});

/** `[null, null]` in the index, or nothing at all. */
function isLeftOut(part: unknown): boolean {
  return !Array.isArray(part) || part.every((each) => each === null);
}
