const LAYERS: readonly (readonly [original: RegExp, diffusers: string])[] = [
  [/\.norm_out$/, '.conv_norm_out'],
  [/\.nin_shortcut$/, '.conv_shortcut'],
  [/\.down\.(\d+)\.block\.(\d+)/, '.down_blocks.$1.resnets.$2'],
  [/\.down\.(\d+)\.downsample\.conv$/, '.down_blocks.$1.downsamplers.0.conv'],
  [/\.up\.(\d+)\.block\.(\d+)/, '.up_blocks.$1.resnets.$2'],
  [/\.up\.(\d+)\.upsample\.conv$/, '.up_blocks.$1.upsamplers.0.conv'],
  [/\.mid\.block_1(?=\.)/, '.mid_block.resnets.0'],
  [/\.mid\.block_2(?=\.)/, '.mid_block.resnets.1'],
  [/\.mid\.attn_1\.norm$/, '.mid_block.attentions.0.group_norm'],
  [/\.mid\.attn_1\.([qkv])$/, '.mid_block.attentions.0.to_$1'],
  [/\.mid\.attn_1\.proj_out$/, '.mid_block.attentions.0.to_out.0'],
];

/**
 * diffusers' name of a layer of the original autoencoder: `decoder.up.3.block.0.conv1` →
 * `decoder.up_blocks.0.resnets.0.conv1`. The original counts the decoder's levels from the pixels, diffusers from
 * the latent.
 *
 * @param original without the prefix before it and `.weight` behind it
 * @param levels of the decoder
 */
export function vaeLayerName(original: string, levels: number): string {
  const renamed = LAYERS.reduce(
    (name, [pattern, replacement]) => name.replace(pattern, replacement),
    original,
  );
  return renamed.replace(/\.up_blocks\.(\d+)/, (_, level) => `.up_blocks.${levels - 1 - Number(level)}`);
}

/** Whether the layer was a 1×1 convolution and is a linear layer in diffusers. */
export function becomesLinear(diffusers: string): boolean {
  return /\.attentions\.0\.to_(q|k|v|out\.0)$/.test(diffusers);
}
