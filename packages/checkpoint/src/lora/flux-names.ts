const BLOCKS: readonly (readonly [original: RegExp, diffusers: readonly string[]])[] = [
  [/^double_blocks_(\d+)_img_attn_qkv$/, each('transformer_blocks_$1_attn_to_', ['q', 'k', 'v'])],
  [
    /^double_blocks_(\d+)_txt_attn_qkv$/,
    each('transformer_blocks_$1_attn_add_', ['q_proj', 'k_proj', 'v_proj']),
  ],
  [/^double_blocks_(\d+)_img_attn_proj$/, ['transformer_blocks_$1_attn_to_out_0']],
  [/^double_blocks_(\d+)_txt_attn_proj$/, ['transformer_blocks_$1_attn_to_add_out']],
  [/^double_blocks_(\d+)_img_mlp_0$/, ['transformer_blocks_$1_ff_net_0_proj']],
  [/^double_blocks_(\d+)_img_mlp_2$/, ['transformer_blocks_$1_ff_net_2']],
  [/^double_blocks_(\d+)_txt_mlp_0$/, ['transformer_blocks_$1_ff_context_net_0_proj']],
  [/^double_blocks_(\d+)_txt_mlp_2$/, ['transformer_blocks_$1_ff_context_net_2']],
  [/^double_blocks_(\d+)_img_mod_lin$/, ['transformer_blocks_$1_norm1_linear']],
  [/^double_blocks_(\d+)_txt_mod_lin$/, ['transformer_blocks_$1_norm1_context_linear']],
  [
    /^single_blocks_(\d+)_linear1$/,
    each('single_transformer_blocks_$1_', ['attn_to_q', 'attn_to_k', 'attn_to_v', 'proj_mlp']),
  ],
  [/^single_blocks_(\d+)_linear2$/, ['single_transformer_blocks_$1_proj_out']],
  [/^single_blocks_(\d+)_modulation_lin$/, ['single_transformer_blocks_$1_norm_linear']],
  [/^img_in$/, ['x_embedder']],
  [/^txt_in$/, ['context_embedder']],
  [/^time_in_in_layer$/, ['time_text_embed_timestep_embedder_linear_1']],
  [/^time_in_out_layer$/, ['time_text_embed_timestep_embedder_linear_2']],
  [/^vector_in_in_layer$/, ['time_text_embed_text_embedder_linear_1']],
  [/^vector_in_out_layer$/, ['time_text_embed_text_embedder_linear_2']],
  [/^guidance_in_in_layer$/, ['time_text_embed_guidance_embedder_linear_1']],
  [/^guidance_in_out_layer$/, ['time_text_embed_guidance_embedder_linear_2']],
  [/^final_layer_linear$/, ['proj_out']],
];

/**
 * diffusers' names of a layer of the original Flux, all parts joined by '_'. A fused layer is several, one below the
 * other in its rows.
 *
 * Source: `convert_flux_transformer_checkpoint_to_diffusers` (diffusers). Differs: the modulation of the last layer,
 * whose halves diffusers exchanges, is not here.
 *
 * @returns none for what Flux does not have
 */
export function fluxLayerNames(original: string): readonly string[] {
  const flat = original.replaceAll('.', '_');
  const found = BLOCKS.find(([pattern]) => pattern.test(flat));
  return found?.[1].map((name) => flat.replace(found[0], name)) ?? [];
}

function each(prefix: string, parts: readonly string[]): string[] {
  return parts.map((part) => prefix + part);
}
