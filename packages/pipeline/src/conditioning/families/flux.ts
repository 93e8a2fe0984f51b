import { PACKED_SIDE } from '../../denoise/packed-latents.js';
import { vaeFactor } from '../../images/vae-factor.js';
import type { ConditionedModel } from '../conditioning-encoder.js';
import type { ConditioningSource } from '../recipe/conditioning-recipe.js';
import { type RecipeParts, recipeFamily } from '../recipe/recipe-family.js';
import { takesInputs } from '../takes-inputs.js';

const INPUTS = ['encoder_hidden_states', 'pooled_projections', 'txt_ids', 'img_ids'];
const GUIDANCE = 'guidance';
const GUIDANCE_SCALE = 3.5;

/** Tokens of T5. */
const LENGTH = 512;
/** Of a token's place: nothing for pictures, its row, its column. */
const AXES = 3;

const FLUX = {
  takesText: true,
  guided: false,
  sampleSize: 128,
  sampling: { evenSigmas: true, timestepScale: 1 / 1000 },
} as const;

/**
 * FLUX.1 dev: the hidden states of T5, the pooled vector of CLIP, where each token is, and the guidance scale, with which
 * the model was distilled. There is no unconditional half and no negative prompt.
 *
 * Source: Black Forest Labs, https://github.com/black-forest-labs/flux, as diffusers' FluxPipeline does it. Differs:
 * there is no true guidance beside the distilled one.
 */
export const fluxFamily = recipeFamily({
  ...FLUX,
  name: 'FLUX.1 dev',
  embedsGuidance: true,
  defaults: { steps: 28, guidanceScale: GUIDANCE_SCALE },
  accepts: (model) => takesInputs(model, [...INPUTS, GUIDANCE]),
  describe(model) {
    const plain = describeFlux(model);
    const guidance: ConditioningSource = {
      from: 'numbers',
      values: ['guidance_scale'],
      dims: [1],
      dtype: 'float32',
    };
    return { ...plain, inputs: { ...plain.inputs, [GUIDANCE]: guidance } };
  },
});

/** FLUX.1 schnell: the same without guidance, distilled to few steps. */
export const fluxSchnellFamily = recipeFamily({
  ...FLUX,
  name: 'FLUX.1 schnell',
  defaults: { steps: 4 },
  accepts: (model) => takesInputs(model, INPUTS),
  describe: describeFlux,
});

function describeFlux({ folder }: ConditionedModel): RecipeParts {
  const factor = folder.vaeDecoder ? vaeFactor(folder.vaeDecoder.config) : 1;
  return {
    encoders: {
      text_encoder: { tokenizer: 'tokenizer', hiddenStates: 'last_hidden_state', pooled: 'pooler_output' },
      text_encoder_2: { tokenizer: 'tokenizer_2', length: LENGTH, padding: 'attended' },
    },
    inputs: {
      encoder_hidden_states: { from: 'hidden_states', encoder: 'text_encoder_2' },
      pooled_projections: { from: 'pooled', encoder: 'text_encoder' },
      txt_ids: { from: 'zeros', dims: [1, LENGTH, AXES] },
      img_ids: { from: 'image_ids', pixelsPerToken: factor * PACKED_SIDE },
    },
    limitedBy: 'text_encoder_2',
  };
}
