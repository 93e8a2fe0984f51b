import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation, DIFFUSERS_ACTIVATIONS } from '../layers/activation.js';
import { convolution } from '../layers/convolution.js';
import { imageAttention } from '../layers/image-attention.js';
import { groupNorm } from '../layers/normalization.js';
import type { ResnetStyle } from '../layers/resnet-block.js';
import { fourierFeatures, sinusoids, timeEmbedding } from '../layers/time-embedding.js';
import { type Attend, downBlock, midBlock, upBlock } from '../layers/unet-blocks.js';
import { classEmbedding, timestepInput, type UNetEmbedding } from '../layers/unet-conditioning.js';
import type { Architecture, DefineGraph } from './architecture.js';

const DOWN_BLOCKS = ['DownBlock2D', 'AttnDownBlock2D'] as const;
const UP_BLOCKS = ['UpBlock2D', 'AttnUpBlock2D'] as const;
const RESAMPLERS = ['conv', 'resnet'] as const;

/**
 * The U-Net of DDPM and of unconditional latent diffusion: images [B, C, H, W] at a time give the prediction.
 * Source: Ho, Jain and Abbeel, 2020, https://arxiv.org/abs/2006.11239, appendix B
 */
const model: DefineGraph = (g, config) => {
  const inChannels = config.integer('in_channels', 3);
  const outChannels = config.integer('out_channels', 3);
  const channels = config.integers('block_out_channels', [224, 448, 672, 896]);
  const last = channels.length - 1;
  const layers = config.integer('layers_per_block', 2);
  const down = blocks(config, 'down_block_types', DOWN_BLOCKS, last + 1);
  const up = blocks(config, 'up_block_types', UP_BLOCKS, last + 1);
  const sample = g.input('sample', 'float32', ['batch_size', inChannels, 'height', 'width']);
  const timesteps = timestepInput(g);
  const style: ResnetStyle = {
    groups: config.requiredInteger('norm_num_groups', 32),
    eps: config.number('norm_eps', 1e-5),
    act: config.choice('act_fn', DIFFUSERS_ACTIVATIONS, 'silu'),
    embedding: embedding(g, config, timesteps, channels[0]!),
    scaleShift: config.choice('resnet_time_scale_shift', ['default', 'scale_shift'], 'default') !== 'default',
    outputScale: 1,
  };
  const headSize = config.isNull('attention_head_dim') ? undefined : config.integer('attention_head_dim', 8);
  const attends =
    (width: number, groups: number | undefined, outputScale = 1): Attend =>
    (scope, x) =>
      imageAttention(scope, x, {
        channels: width,
        headSize: headSize ?? width,
        groups,
        eps: style.eps,
        outputScale,
      });
  const attendOf = (type: string, level: number) =>
    type.startsWith('Attn') ? attends(channels[level]!, style.groups) : undefined;

  const centered = config.flag('center_input_sample', false)
    ? g.node('Sub', [g.multiply(sample, g.scalar(2)), g.scalar(1)])
    : sample;
  let x = convolution(g.at('conv_in'), centered, { in: inChannels, out: channels[0]! });
  const skips = [x];
  const padding = config.integer('downsample_padding', 1);
  const downsampler = config.choice('downsample_type', RESAMPLERS, 'conv');
  for (const [level, type] of down.entries()) {
    const block = downBlock(g.at('down_blocks', level), x, {
      style,
      in: channels[Math.max(level - 1, 0)]!,
      out: channels[level]!,
      layers,
      attend: attendOf(type, level),
      // Levels without attention know convolutions alone.
      downsample: level === last ? undefined : type === 'DownBlock2D' ? 'conv' : downsampler,
      padding,
    });
    x = block.x;
    skips.push(...block.skips);
  }
  x = middle(g, config, x, style, channels[last]!, attends);
  const upsampler = config.choice('upsample_type', RESAMPLERS, 'conv');
  for (const [at, type] of up.entries()) {
    const level = last - at;
    x = upBlock(g.at('up_blocks', at), x, skips, {
      style,
      below: channels[Math.min(level + 1, last)]!,
      in: channels[Math.max(level - 1, 0)]!,
      out: channels[level]!,
      layers: layers + 1,
      attend: attendOf(type, level),
      upsample: level === 0 ? undefined : type === 'UpBlock2D' ? 'conv' : upsampler,
    });
  }
  const { groups, eps } = style;
  const normalized = groupNorm(g.at('conv_norm_out'), x, { channels: channels[0]!, groups, eps });
  const size = { in: channels[0]!, out: outChannels };
  const prediction = convolution(g.at('conv_out'), activation(g.at('conv_act'), 'silu', normalized), size);
  // Score networks predict noise, divided by its level (Song et al., 2021, https://arxiv.org/abs/2011.13456).
  const scored = config.raw('time_embedding_type') === 'fourier';
  const result = scored ? g.node('Div', [prediction, g.unsqueeze(timesteps, 1, 2, 3)]) : prediction;
  g.output('out_sample', result, ['batch_size', outChannels, 'height', 'width']);
};

function blocks<const Type extends string>(
  config: Configuration,
  key: string,
  known: readonly [Type, Type],
  count: number,
): readonly Type[] {
  const [plain, attending] = known;
  const few = [attending, attending, attending];
  const types = config.choices(key, known, key.startsWith('down') ? [plain, ...few] : [...few, plain]);
  if (types.length !== count) throw config.refuse(key, `${count} blocks`);
  return types;
}

function embedding(g: Scope, config: Configuration, timesteps: Tensor, base: number): UNetEmbedding {
  const kind = config.choice('time_embedding_type', ['positional', 'fourier', 'learned'], 'positional');
  const out = config.integer('time_embedding_dim', base * 4);
  const time = {
    cosineFirst: config.flag('flip_sin_to_cos', true),
    frequencyShift: config.number('freq_shift', 0),
  };
  const steps = config.optionalInteger('num_train_timesteps');
  const projection = g.at('time_proj');
  const projected = (times: Tensor): Tensor => {
    if (kind === 'positional') return sinusoids(projection, times, { channels: base, ...time });
    if (kind === 'fourier') return fourierFeatures(projection, times, base);
    if (steps === undefined) throw config.refuse('num_train_timesteps', 'a whole number');
    return projection.lookUp('weight', [steps, base], projection.node('Cast', [times], { to: 7 }));
  };
  const width = kind === 'fourier' ? 2 * base : base;
  const value = timeEmbedding(g.at('time_embedding'), projected(timesteps), { in: width, out });
  const classes = classEmbedding(g, config, { base: width, out, act: 'silu', projected }, [
    'timestep',
    'identity',
  ]);
  return { value: classes === undefined ? value : g.add(value, classes), channels: out };
}

function middle(
  g: Scope,
  config: Configuration,
  x: Tensor,
  style: ResnetStyle,
  channels: number,
  attends: (width: number, groups: number | undefined, outputScale: number) => Attend,
): Tensor {
  const outputScale = config.number('mid_block_scale_factor', 1);
  const ownGroups = config.optionalInteger('attn_norm_num_groups');
  const groups = ownGroups ?? (style.scaleShift ? undefined : style.groups);
  const attend = config.flag('add_attention', true) ? attends(channels, groups, outputScale) : undefined;
  if (config.isNull('mid_block_type')) return x;
  config.only('mid_block_type', 'UNetMidBlock2D');
  return midBlock(g.at('mid_block'), x, { style: { ...style, outputScale }, channels, attend });
}

export const unet2D: Architecture = { className: 'UNet2DModel', parts: { model } };
