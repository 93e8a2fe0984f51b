import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from '../layers/activation.js';
import { modulate, partsOf, plainNorm } from '../layers/adaptive-norm.js';
import { attention } from '../layers/attention.js';
import { FEED_FORWARDS, feedForward } from '../layers/feed-forward.js';
import { linear, linearOnTokens } from '../layers/linear.js';
import { layerNorm } from '../layers/normalization.js';
import { imageOfPatches, patchTokens, sinusoidalGrid } from '../layers/patches.js';
import { captionProjection, transformerTime } from '../layers/text-projection.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * Latents [B, C, H, W] at a time, on texts [B, S, D], give the prediction (and, behind it, its variance).
 * Sources: Chen et al., 2023, https://arxiv.org/abs/2310.00426 (PixArt-α); Chen et al., 2024,
 * https://arxiv.org/abs/2403.04692 (PixArt-Σ)
 */
const model: DefineGraph = (g, config) => {
  const inChannels = config.integer('in_channels', 4);
  const outChannels = config.isNull('out_channels') ? inChannels : config.integer('out_channels', 8);
  const heads = config.integer('num_attention_heads', 16);
  const headSize = config.integer('attention_head_dim', 72);
  const channels = heads * headSize;
  const size = config.integer('patch_size', 2);
  const side = config.integer('sample_size', 128);
  const scale = config.number('interpolation_scale', Math.max(Math.floor(side / 64), 1));
  const contextChannels = config.integer('cross_attention_dim', 1152);
  const bias = config.flag('attention_bias', true);
  const kind = config.choice('activation_fn', FEED_FORWARDS, 'gelu-approximate');
  const norm = {
    channels,
    eps: config.number('norm_eps', 1e-6),
    affine: config.flag('norm_elementwise_affine', false),
  };
  config.only('norm_type', 'ada_norm_single');
  config.only('attention_type', 'default');
  config.ignore('norm_num_groups', 'upcast_attention', 'num_embeds_ada_norm');

  const image = g.input('hidden_states', 'float32', ['batch_size', inChannels, 'height', 'width']);
  const { context, scoreBias } = textInputs(g, config, channels, contextChannels);
  const timesteps = g.reshape(g.input('timestep', 'float32', ['steps']), -1);
  const patches = g.at('pos_embed');
  const { tokens, grid } = patchTokens(patches, image, { size, in: inChannels, out: channels });
  const places = { channels, base: Math.floor(side / size), scale };
  let x = g.add(tokens, sinusoidalGrid(patches, grid, places));

  const single = g.at('adaln_single');
  const embedded = timeAndSize(single.at('emb'), config, timesteps, channels, side);
  const active = activation(single, 'silu', embedded);
  const shared = linear(single.at('linear'), active, { in: channels, out: 6 * channels });
  const conditions = single.reshape(shared, -1, 6, channels);

  const layers = config.integer('num_layers', 28);
  for (let layer = 0; layer < layers; layer++) {
    const block = g.at('transformer_blocks', layer);
    const own = block.add(block.parameter('scale_shift_table', [6, channels]), conditions);
    const [shift, factor, gate, lastShift, lastFactor, lastGate] = block.nodes('Split', [own], 6, {
      axis: 1,
      num_outputs: 6,
    }) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const first = modulate(block, layerNorm(block.at('norm1'), x, norm), shift, factor);
    const self = attention(block.at('attn1'), first, first, { channels, heads, headSize, bias });
    x = block.add(block.multiply(gate, self), x);
    const cross = { channels, heads, headSize, bias, contextChannels, scoreBias };
    x = block.add(attention(block.at('attn2'), x, context, cross), x);
    const second = modulate(block, layerNorm(block.at('norm2'), x, norm), lastShift, lastFactor);
    x = block.add(block.multiply(lastGate, feedForward(block.at('ff'), second, channels, kind)), x);
  }

  const table = g.parameter('scale_shift_table', [2, channels], { seenAs: [1, 1, 2 * channels] });
  const twice = g.concat(-1, g.unsqueeze(embedded, 1), g.unsqueeze(embedded, 1));
  const [shift, factor] = partsOf(g, g.add(table, twice), 2) as [Tensor, Tensor];
  const normalized = modulate(g, plainNorm(g.at('norm_out'), x, channels), shift, factor);
  const out = size * size * outChannels;
  const pixels = linearOnTokens(g.at('proj_out'), normalized, { in: channels, out });
  const prediction = imageOfPatches(g, pixels, grid, { size, channels: outChannels });
  g.output('out_hidden_states', prediction, ['batch_size', outChannels, 'height', 'width']);
};

/** What a place of the text that is padding adds to its scores. */
const MASKED = -10000;

/** The text, projected to the model's width, and its mask as [B, 1, 1, S] to add to scores. */
function textInputs(
  g: Scope,
  config: Configuration,
  channels: number,
  contextChannels: number,
): { context: Tensor; scoreBias: Tensor } {
  const textChannels = config.optionalInteger('caption_channels');
  const width = textChannels ?? contextChannels;
  const text = g.input('encoder_hidden_states', 'float32', ['batch_size', 'sequence_length', width]);
  const mask = g.input('encoder_attention_mask', 'int64', ['batch_size', 'sequence_length']);
  const context =
    textChannels === undefined
      ? text
      : captionProjection(g.at('caption_projection'), text, textChannels, channels);
  const padding = g.node('Sub', [g.scalar(1), g.node('Cast', [mask], { to: 1 })]);
  return { context, scoreBias: g.unsqueeze(g.multiply(padding, g.scalar(MASKED)), 1, 2) };
}

/** The time, and in the models for 1024 pixels the picture's size and form. */
function timeAndSize(
  g: Scope,
  config: Configuration,
  timesteps: Tensor,
  channels: number,
  side: number,
): Tensor {
  const time = transformerTime(g, 'timestep_embedder', timesteps, channels);
  if (!config.flag('use_additional_conditions', side === 128)) return time;
  const width = Math.floor(channels / 3);
  const embed = (input: string, count: number, module: string) => {
    const numbers = g.reshape(g.input(input, 'float32', ['batch_size', count]), -1);
    return g.reshape(transformerTime(g, module, numbers, width), -1, count * width);
  };
  const resolution = embed('resolution', 2, 'resolution_embedder');
  return g.add(time, g.concat(1, resolution, embed('aspect_ratio', 1, 'aspect_ratio_embedder')));
}

export const pixArtTransformer2D: Architecture = {
  className: 'PixArtTransformer2DModel',
  parts: { model },
};
