import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { DIFFUSERS_ACTIVATIONS } from './activation.js';
import { imageAttention } from './image-attention.js';
import type { ResnetStyle } from './resnet-block.js';
import { spatialTransformer } from './spatial-transformer.js';
import { type Attend, downBlock, midBlock } from './unet-blocks.js';
import { conditionalEmbedding, textContext } from './unet-conditioning.js';

const DOWN_BLOCKS = ['CrossAttnDownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'] as const;
export const UP_BLOCKS = ['CrossAttnUpBlock2D', 'UpBlock2D', 'AttnUpBlock2D'] as const;
const MIDDLE_BLOCKS = ['UNetMidBlock2DCrossAttn', 'UNetMidBlock2D'] as const;
type BlockType = (typeof DOWN_BLOCKS)[number] | (typeof UP_BLOCKS)[number];

/** What a conditional U-Net and its ControlNet have in common: conditions, the way down, and the middle. */
export interface UNetLevels {
  readonly channels: readonly number[];
  readonly layers: readonly number[];
  readonly style: ResnetStyle;
  /** Lays attention behind the residual blocks of a level; undefined for a level that has none. */
  attendOf(type: BlockType, level: number, up?: boolean): Attend | undefined;
  /** From the first convolution's output to the last level's. */
  down(x: Tensor): { x: Tensor; skips: Tensor[] };
  middle(x: Tensor): Tensor;
}

/** Channels of all skip connections, in the order of the way down. */
export function skipChannels({ channels, layers }: UNetLevels): number[] {
  const byLevel = channels.map((count, level) =>
    Array<number>(layers[level]! + (level < channels.length - 1 ? 1 : 0)).fill(count),
  );
  return [channels[0]!, ...byLevel.flat()];
}

/** Reads the common part of a configuration and adds the inputs that condition the model. */
export function unetLevels(g: Scope, config: Configuration): UNetLevels {
  const channels = config.integers('block_out_channels', [320, 640, 1280, 1280]);
  const levels = channels.length;
  const types = config.choices('down_block_types', DOWN_BLOCKS, [
    'CrossAttnDownBlock2D',
    'CrossAttnDownBlock2D',
    'CrossAttnDownBlock2D',
    'DownBlock2D',
  ]);
  if (types.length !== levels) throw config.refuse('down_block_types', `${levels} blocks`);
  refuseRareOptions(config);
  const act = config.choice('act_fn', DIFFUSERS_ACTIVATIONS, 'silu');
  const style: ResnetStyle = {
    groups: config.requiredInteger('norm_num_groups', 32),
    eps: config.number('norm_eps', 1e-5),
    act,
    embedding: conditionalEmbedding(g, config, act),
    scaleShift: config.choice('resnet_time_scale_shift', ['default', 'scale_shift'], 'default') !== 'default',
    outputScale: 1,
  };
  const layers = config.perBlock('layers_per_block', levels, 2);
  const contextChannels = config.perBlock('cross_attention_dim', levels, 1280);
  const context = textContext(g, config, contextChannels[0]!);
  const headSizes = config.perBlock('attention_head_dim', levels, 8);
  const heads = config.perBlock('num_attention_heads', levels, headSizes);
  const depth = transformerLayers(config, levels, layers);
  const options = {
    groups: style.groups,
    linearProjection: config.flag('use_linear_projection', false),
  };
  const onlyCross = config.flagPerBlock('only_cross_attention', levels, false);
  const transformer =
    (level: number, layersOf: readonly number[], onlyCrossAttention: boolean): Attend =>
    (scope, x, layer) =>
      spatialTransformer(scope, x, {
        ...options,
        channels: channels[level]!,
        heads: heads[level]!,
        layers: layersOf[layer]!,
        context: { value: context, channels: contextChannels[level]! },
        onlyCrossAttention,
      });
  const attendOf: UNetLevels['attendOf'] = (type, level, up = false) => {
    if (type.startsWith('CrossAttn')) {
      return transformer(level, (up ? depth.up : depth.down)[level]!, onlyCross[level]!);
    }
    const self = {
      channels: channels[level]!,
      headSize: headSizes[level]!,
      groups: style.groups,
      eps: style.eps,
    };
    return type.startsWith('Attn') ? (scope, x) => imageAttention(scope, x, self) : undefined;
  };
  const padding = config.integer('downsample_padding', 1);
  const middleType = config.isNull('mid_block_type')
    ? undefined
    : config.choice('mid_block_type', MIDDLE_BLOCKS, 'UNetMidBlock2DCrossAttn');
  const middleScale = config.number('mid_block_scale_factor', 1);

  return {
    channels,
    layers,
    style,
    attendOf,
    down: (input) => {
      let x = input;
      const skips = [x];
      for (const [level, type] of types.entries()) {
        const block = downBlock(g.at('down_blocks', level), x, {
          style,
          in: channels[Math.max(level - 1, 0)]!,
          out: channels[level]!,
          layers: layers[level]!,
          attend: attendOf(type, level),
          downsample: level < levels - 1 ? 'conv' : undefined,
          padding,
        });
        x = block.x;
        skips.push(...block.skips);
      }
      return { x, skips };
    },
    middle: (x) => {
      if (middleType === undefined) return x;
      return midBlock(g.at('mid_block'), x, {
        style: { ...style, outputScale: middleScale },
        channels: channels.at(-1)!,
        attend: transformer(levels - 1, depth.middle, false),
        pair: middleType === 'UNetMidBlock2DCrossAttn',
      });
    },
  };
}

/** Options that no released Stable Diffusion model uses. */
function refuseRareOptions(config: Configuration): void {
  config.only('attention_type', 'default');
  config.only('dual_cross_attention', false);
  config.only('resnet_skip_time_act', false);
  config.only('resnet_out_scale_factor', 1);
  config.ignore('upcast_attention', 'mid_block_only_cross_attention', 'cross_attention_norm');
  config.ignore('reverse_transformer_layers_per_block');
}

interface Depths {
  /** By level, then layer. */
  readonly down: readonly (readonly number[])[];
  readonly up: readonly (readonly number[])[];
  readonly middle: readonly number[];
}

/** Transformer blocks of each attention: one number, one for each level, or one for each layer of each level. */
function transformerLayers(config: Configuration, levels: number, layers: readonly number[]): Depths {
  const key = 'transformer_layers_per_block';
  const given = config.raw(key) ?? 1;
  const list = Array.isArray(given) ? given : Array(levels).fill(given);
  const spread = (entry: unknown, count: number, name: string): readonly number[] => {
    const numbers = Array.isArray(entry) ? entry : Array(count).fill(entry);
    const fits = numbers.length >= count && numbers.every((n) => Number.isInteger(n) && n > 0);
    if (!fits) throw config.refuse(name, 'a whole number for each layer');
    return numbers;
  };
  if (list.length !== levels) throw config.refuse(key, `a whole number, or a list of ${levels}`);
  const reverseKey = 'reverse_transformer_layers_per_block';
  const reverse = config.raw(reverseKey);
  if (reverse === undefined && list.some(Array.isArray)) {
    throw config.refuse(reverseKey, `a list for the way up, as '${key}' has lists for the way down`);
  }
  const up = Array.isArray(reverse) ? [...reverse].reverse() : list;
  return {
    down: list.map((entry, level) => spread(entry, layers[level]!, key)),
    up: up.map((entry, level) => spread(entry, layers[level]! + 1, reverseKey)),
    middle: spread(list.at(-1), 1, key),
  };
}
