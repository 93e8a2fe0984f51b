import type { WeightSource } from '../weight-source.js';

/** Where the parts of a model stand in the files of the original code. */
export const UNET = 'model.diffusion_model.';
export const EMA = 'model_ema.';
export const VAES = ['first_stage_model.', 'vae.'];
/** Whether an autoencoder stands there under the original names, which share their first with those of diffusers. */
export function hasOriginalVae(source: WeightSource, prefix: string): boolean {
  return source.has(`${prefix}decoder.up.0.block.0.conv1.weight`);
}

export interface TextEncoderPlace {
  readonly component: 'text_encoder' | 'text_encoder_2';
  readonly prefix: string;
  readonly code: 'transformers' | 'open_clip';
  /** A weight that only this place has. */
  readonly sign: string;
}

export const TEXT_ENCODERS: readonly TextEncoderPlace[] = [
  // Stable Diffusion 1.x; the second form is what some tools save.
  place(
    'text_encoder',
    'cond_stage_model.transformer.',
    'transformers',
    'text_model.embeddings.token_embedding.weight',
  ),
  place('text_encoder', 'cond_stage_model.transformer.', 'transformers', 'embeddings.token_embedding.weight'),
  // Stable Diffusion 2.x
  place('text_encoder', 'cond_stage_model.model.', 'open_clip', 'token_embedding.weight'),
  // SDXL
  place(
    'text_encoder',
    'conditioner.embedders.0.transformer.',
    'transformers',
    'text_model.embeddings.token_embedding.weight',
  ),
  place('text_encoder_2', 'conditioner.embedders.1.model.', 'open_clip', 'token_embedding.weight'),
  // SDXL's refiner, whose one text encoder diffusers counts as the second
  place('text_encoder_2', 'conditioner.embedders.0.model.', 'open_clip', 'token_embedding.weight'),
];

function place(
  component: TextEncoderPlace['component'],
  prefix: string,
  code: TextEncoderPlace['code'],
  sign: string,
): TextEncoderPlace {
  return { component, prefix, code, sign: prefix + sign };
}
