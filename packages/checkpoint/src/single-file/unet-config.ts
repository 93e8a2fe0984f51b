import { CacheQuantError } from '@cachequant/tensor';
import type { Family } from './family.js';
import type { UnetLayout } from './unet-layout.js';

/** Stable Diffusion 1.x has so many heads; the later models have heads of so many channels. */
const SD1_HEADS = 8;
const HEAD_CHANNELS = 64;

/** The latent's side that the model was trained for. */
const SAMPLE_SIZES: Readonly<Record<Family, number>> = { sd1: 64, sd2: 64, sdxl: 128, 'sdxl-refiner': 128 };
const SD2_V_SAMPLE_SIZE = 96;

/**
 * The `config.json` of UNet2DConditionModel.
 *
 * Source: `create_unet_diffusers_config_from_ldm` (diffusers). Differs: from the shapes of the weights, not from a
 * configuration of the original code, which no single file carries.
 */
export function unetConfig(
  layout: UnetLayout,
  family: Family,
  predictionType: string,
): Record<string, unknown> {
  const { channels, depths } = layout;
  const attends = depths.map((depth) => depth > 0);
  return {
    _class_name: 'UNet2DConditionModel',
    act_fn: 'silu',
    attention_head_dim: family === 'sd1' ? SD1_HEADS : channels.map((count) => headsOf(count)),
    block_out_channels: channels,
    center_input_sample: false,
    cross_attention_dim: layout.contextWidth,
    down_block_types: attends.map((attention) => (attention ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    downsample_padding: 1,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: layout.inChannels,
    layers_per_block: layout.layersPerBlock,
    mid_block_scale_factor: 1,
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: layout.outChannels,
    sample_size:
      family === 'sd2' && predictionType === 'v_prediction' ? SD2_V_SAMPLE_SIZE : SAMPLE_SIZES[family],
    transformer_layers_per_block: transformerLayers(layout),
    up_block_types: attends.toReversed().map((attention) => (attention ? 'CrossAttnUpBlock2D' : 'UpBlock2D')),
    use_linear_projection: layout.linearProjections,
    ...(family === 'sd2' ? { upcast_attention: true } : {}),
    ...(layout.labelWidth === undefined
      ? {}
      : {
          addition_embed_type: 'text_time',
          addition_time_embed_dim: 256,
          projection_class_embeddings_input_dim: layout.labelWidth,
        }),
  };
}

/** One number where all levels with attention have it, as diffusers' configurations write it. */
function transformerLayers({ depths, middleDepth }: UnetLayout): number | number[] {
  const distinct = new Set([...depths.filter((depth) => depth > 0), middleDepth]);
  if (distinct.size === 1) return middleDepth;
  // A level without attention is written as 1; the middle has the depth of the last level.
  const written = depths.map((depth) => Math.max(depth, 1));
  if (written.at(-1) === middleDepth) return written;
  throw new CacheQuantError('unsupported', 'a single file of this U-Net is not read', {
    where: 'names of the weights',
    got: `transformer blocks per level ${depths}, ${middleDepth} in the middle`,
    hint: 'Use the model as a diffusers folder, whose config.json describes it',
  });
}

function headsOf(channels: number): number {
  if (channels % HEAD_CHANNELS === 0) return channels / HEAD_CHANNELS;
  throw new CacheQuantError('unsupported', 'the channels of a level do not divide into heads', {
    where: 'U-Net',
    expected: `a multiple of ${HEAD_CHANNELS} channels`,
    got: `${channels}`,
  });
}
