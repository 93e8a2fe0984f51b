import { z } from 'zod';

const count = z.number().int().positive();

/** `model_index.json`: which parts a pipeline has; of the numbers, only our own additions are read. */
export const modelIndexSchema = z.looseObject({
  _class_name: z.string().optional(),
  /** Guidance scale for requests that name none. */
  guidance_scale: z.number().finite().nonnegative().optional(),
  /** Sampler steps for requests that name none. */
  num_inference_steps: count.optional(),
  /** SDXL: without a negative prompt the unconditional half is zeros. */
  force_zeros_for_empty_prompt: z.boolean().nullish(),
});
/** What is read of `model_index.json`. */
export type ModelIndex = z.output<typeof modelIndexSchema>;

/** `config.json` of a denoiser: the fields that say what it takes. */
export const denoiserConfigSchema = z.looseObject({
  _class_name: z.string().optional(),
  sample_size: z.union([count, z.tuple([count, count])]).nullish(),
  in_channels: count.nullish(),
  out_channels: count.nullish(),
  down_block_types: z.array(z.string()).nullish(),
  patch_size: count.nullish(),
  /** Channels of the vector that a latent consistency model takes guidance by. */
  time_cond_proj_dim: count.nullish(),
  /** Classes of a DiT, without the one that stands for none. */
  num_embeds_ada_norm: count.nullish(),
  /** Not of diffusers: what the graph says where the fields above do not. */
  size_multiple: count.optional(),
});
/** What is read of the denoiser's `config.json`. */
export type DenoiserConfig = z.output<typeof denoiserConfigSchema>;

/** Whether an autoencoder is one of the small ones that are made after another's latents. */
export function isTiny({ _class_name }: { readonly _class_name?: string | undefined }): boolean {
  return _class_name === 'AutoencoderTiny';
}

/** `config.json` of a VAE's decoder; those with a codebook have latents of another default, and of its entries' size. */
export const vaeConfigSchema = z
  .looseObject({
    _class_name: z.string().optional(),
    latent_channels: count.optional(),
    vq_embed_dim: count.nullish(),
    scaling_factor: z.number().positive().optional(),
    shift_factor: z.number().nullish(),
    block_out_channels: z.array(count).min(1).optional(),
    decoder_block_out_channels: z.array(count).min(1).nullish(),
    /** Not of diffusers: what the graph says where there is no configuration. */
    pixels_per_latent: count.optional(),
  })
  .transform(({ latent_channels, scaling_factor, block_out_channels, ...config }) => ({
    ...config,
    scaling_factor: scaling_factor ?? (isTiny(config) ? 1 : 0.18215),
    block_out_channels:
      block_out_channels ?? (isTiny(config) ? (config.decoder_block_out_channels ?? [64, 64, 64, 64]) : [64]),
    latent_channels: config.vq_embed_dim ?? latent_channels ?? (config._class_name === 'VQModel' ? 3 : 4),
  }));
/** What is read of the decoder's `config.json`. */
export type VaeConfig = z.output<typeof vaeConfigSchema>;

/** `config.json` of a text encoder. */
export const textEncoderConfigSchema = z.looseObject({
  max_position_embeddings: count.nullish(),
  vocab_size: count.nullish(),
});
/** What is read of the text encoder's `config.json`. */
export type TextEncoderConfig = z.output<typeof textEncoderConfigSchema>;

/** `config.json` of a ControlNet. */
export const controlNetConfigSchema = z.looseObject({ global_pool_conditions: z.boolean().nullish() });
/** What is read of the `config.json` of a ControlNet. */
export type ControlNetConfig = z.output<typeof controlNetConfigSchema>;

/** `config.json` of a table of classes; the last one stands for none. */
export const classEmbedderConfigSchema = z.looseObject({ n_classes: z.number().int().min(2) });
/** What is read of the `config.json` of a table of classes. */
export type ClassEmbedderConfig = z.output<typeof classEmbedderConfigSchema>;

/** A token as tokenizer files name it: as text, or as an object with its text in `content`. */
const tokenSchema = z
  .union([z.string(), z.looseObject({ content: z.string() })])
  .transform((token) => (typeof token === 'string' ? token : token.content));

/** `tokenizer_config.json` and `special_tokens_map.json`. */
export const tokenizerConfigSchema = z.looseObject({
  model_max_length: z.number().positive().nullish(),
  bos_token: tokenSchema.nullish(),
  eos_token: tokenSchema.nullish(),
  unk_token: tokenSchema.nullish(),
  pad_token: tokenSchema.nullish(),
});
export type TokenizerConfig = z.output<typeof tokenizerConfigSchema>;

/** `scheduler_config.json`, which the samplers check in full. */
export const schedulerConfigSchema = z.looseObject({ _class_name: z.string().optional() });
/** What is read of `scheduler_config.json`; samplers read the rest. */
export type SchedulerConfig = z.output<typeof schedulerConfigSchema>;
