const FIXED: readonly (readonly [original: string, diffusers: string])[] = [
  ['time_embed.0', 'time_embedding.linear_1'],
  ['time_embed.2', 'time_embedding.linear_2'],
  ['label_emb.0.0', 'add_embedding.linear_1'],
  ['label_emb.0.2', 'add_embedding.linear_2'],
  ['input_blocks.0.0', 'conv_in'],
  ['out.0', 'conv_norm_out'],
  ['out.2', 'conv_out'],
];

const RESNET: readonly (readonly [original: string, diffusers: string])[] = [
  ['in_layers.0', 'norm1'],
  ['in_layers.2', 'conv1'],
  ['emb_layers.1', 'time_emb_proj'],
  ['out_layers.0', 'norm2'],
  ['out_layers.3', 'conv2'],
  ['skip_connection', 'conv_shortcut'],
];

const MIDDLE = ['resnets.0', 'attentions.0', 'resnets.1'];

/**
 * diffusers' name of a layer of the original U-Net: `input_blocks.4.1.proj_in` → `down_blocks.1.attentions.0.proj_in`.
 *
 * Source: the module lists of openaimodel.UNetModel (latent-diffusion) and UNet2DConditionModel (diffusers). The
 * input blocks are one list: the first convolution, then for each level its layers and a downsampling.
 *
 * @param original without `model.diffusion_model.` before it and `.weight` behind it
 * @param separator '_' where the parts of the name are joined so, as in files of LoRA
 * @returns undefined for what that U-Net does not have
 */
export function unetLayerName(
  original: string,
  layersPerBlock: number,
  separator: '.' | '_' = '.',
): string | undefined {
  const join = (name: string) => name.replaceAll('.', separator);
  const fixed = FIXED.find(([name]) => join(name) === original);
  if (fixed !== undefined) return join(fixed[1]);
  const parts = /^(input_blocks|middle_block|output_blocks)[._](\d+)[._](.+)$/.exec(original);
  if (parts === null) return undefined;
  const index = Number(parts[2]);
  const rest = parts[3]!;
  if (parts[1] === 'middle_block') return middleName(index, rest, join);
  const down = parts[1] === 'input_blocks';
  const position = down ? index - 1 : index;
  const block = Math.floor(position / (layersPerBlock + 1));
  const layer = position % (layersPerBlock + 1);
  const inner = innerName(rest, layer, down, join);
  return inner && `${join(`${down ? 'down' : 'up'}_blocks.${block}.`)}${inner}`;
}

function middleName(index: number, rest: string, join: (name: string) => string): string | undefined {
  const place = MIDDLE[index];
  const inner = index === 1 ? rest : resnetPart(rest, join);
  return place && inner && `${join(`mid_block.${place}.`)}${inner}`;
}

function innerName(
  rest: string,
  layer: number,
  down: boolean,
  join: (name: string) => string,
): string | undefined {
  const [, slot, part] = /^(\d+)[._](.+)$/.exec(rest) ?? [];
  if (part === undefined) return undefined;
  if (down && slot === '0' && part === 'op') return join('downsamplers.0.conv');
  if (!down && slot !== '0' && part === 'conv') return join('upsamplers.0.conv');
  if (slot === '1') return `${join(`attentions.${layer}.`)}${part}`;
  const resnet = slot === '0' ? resnetPart(part, join) : undefined;
  return resnet && `${join(`resnets.${layer}.`)}${resnet}`;
}

function resnetPart(part: string, join: (name: string) => string): string | undefined {
  const found = RESNET.find(([name]) => join(name) === part);
  return found && join(found[1]);
}
