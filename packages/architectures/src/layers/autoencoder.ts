import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation, DIFFUSERS_ACTIVATIONS } from './activation.js';
import { convolution } from './convolution.js';
import { imageAttention } from './image-attention.js';
import { groupNorm } from './normalization.js';
import { upsample } from './resampling.js';
import { type ResnetStyle, resnetBlock } from './resnet-block.js';
import { type Attend, downBlock, midBlock } from './unet-blocks.js';

const DOWN_BLOCKS = ['DownEncoderBlock2D', 'AttnDownEncoderBlock2D'] as const;
const UP_BLOCKS = ['UpDecoderBlock2D', 'AttnUpDecoderBlock2D'] as const;

/** What the encoder and the decoder of an autoencoder have in common. */
export interface AutoencoderSettings {
  readonly imageChannels: number;
  readonly outputChannels: number;
  readonly latentChannels: number;
  readonly channels: readonly number[];
  readonly layers: number;
  readonly style: ResnetStyle;
  readonly middleAttends: boolean;
  readonly down: readonly (typeof DOWN_BLOCKS)[number][];
  readonly up: readonly (typeof UP_BLOCKS)[number][];
}

/** @param latentChannels where the configuration names none */
export function autoencoderSettings(config: Configuration, latentChannels: number): AutoencoderSettings {
  const channels = config.integers('block_out_channels', [64]);
  config.ignore('force_upcast', 'latents_mean', 'latents_std', 'scaling_factor', 'shift_factor');
  const settings = {
    imageChannels: config.integer('in_channels', 3),
    outputChannels: config.integer('out_channels', 3),
    latentChannels: config.integer('latent_channels', latentChannels),
    channels,
    layers: config.integer('layers_per_block', 1),
    style: {
      groups: config.requiredInteger('norm_num_groups', 32),
      eps: 1e-6,
      act: config.choice('act_fn', DIFFUSERS_ACTIVATIONS, 'silu'),
      embedding: undefined,
      scaleShift: false,
      outputScale: 1,
    },
    middleAttends: config.flag('mid_block_add_attention', true),
    down: config.choices('down_block_types', DOWN_BLOCKS, ['DownEncoderBlock2D']),
    up: config.choices('up_block_types', UP_BLOCKS, ['UpDecoderBlock2D']),
  };
  for (const [key, { length }] of Object.entries({
    down_block_types: settings.down,
    up_block_types: settings.up,
  })) {
    if (length !== channels.length) throw config.refuse(key, `${channels.length} blocks`);
  }
  return settings;
}

/** Images [B, C, H, W] → [B, out, H/f, W/f]. */
export function encode(g: Scope, image: Tensor, settings: AutoencoderSettings, out: number): Tensor {
  const { channels, style, layers } = settings;
  let x = convolution(g.at('conv_in'), image, { in: settings.imageChannels, out: channels[0]! });
  for (const [level, type] of settings.down.entries()) {
    x = downBlock(g.at('down_blocks', level), x, {
      style,
      in: channels[Math.max(level - 1, 0)]!,
      out: channels[level]!,
      layers,
      attend: type.startsWith('Attn') ? attends(settings, channels[level]!) : undefined,
      downsample: level < channels.length - 1 ? 'conv' : undefined,
      padding: 0,
    }).x;
  }
  return finish(g, middle(g, x, settings), settings, channels.at(-1)!, out);
}

/** Latents [B, L, h, w] → images [B, C, h·f, w·f]. */
export function decode(g: Scope, latents: Tensor, settings: AutoencoderSettings): Tensor {
  const channels = [...settings.channels].reverse();
  const first = convolution(g.at('conv_in'), latents, { in: settings.latentChannels, out: channels[0]! });
  let x = middle(g, first, settings);
  for (const [level, type] of settings.up.entries()) {
    const out = channels[level]!;
    const block = g.at('up_blocks', level);
    const attend = type.startsWith('Attn') ? attends(settings, out) : undefined;
    for (let layer = 0; layer <= settings.layers; layer++) {
      const before = layer === 0 ? channels[Math.max(level - 1, 0)]! : out;
      x = resnetBlock(block.at('resnets', layer), x, settings.style, { in: before, out });
      x = attend?.(block.at('attentions', layer), x, layer) ?? x;
    }
    if (level < channels.length - 1) x = upsample(block.at('upsamplers.0'), x, out);
  }
  return finish(g, x, settings, channels.at(-1)!, settings.outputChannels);
}

function attends({ style }: AutoencoderSettings, channels: number): Attend {
  const { groups, eps } = style;
  return (g, x) => imageAttention(g, x, { channels, headSize: channels, groups, eps });
}

function middle(g: Scope, x: Tensor, settings: AutoencoderSettings): Tensor {
  const channels = settings.channels.at(-1)!;
  const attend = settings.middleAttends ? attends(settings, channels) : undefined;
  return midBlock(g.at('mid_block'), x, { style: settings.style, channels, attend });
}

function finish(g: Scope, x: Tensor, { style }: AutoencoderSettings, channels: number, out: number): Tensor {
  const { groups, eps } = style;
  const normalized = groupNorm(g.at('conv_norm_out'), x, { channels, groups, eps });
  return convolution(g.at('conv_out'), activation(g.at('conv_act'), 'silu', normalized), {
    in: channels,
    out,
  });
}
