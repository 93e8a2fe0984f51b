import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from '../layers/activation.js';
import { adaptiveNorm, modulate, partsOf, plainNorm } from '../layers/adaptive-norm.js';
import { attention } from '../layers/attention.js';
import { FEED_FORWARDS, feedForward } from '../layers/feed-forward.js';
import { linear, linearOnTokens } from '../layers/linear.js';
import { layerNorm } from '../layers/normalization.js';
import { imageOfPatches, patchTokens, sinusoidalGrid } from '../layers/patches.js';
import { transformerTime } from '../layers/text-projection.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * Latents [B, C, H, W] at a time, of a class, give the prediction.
 * Source: Peebles and Xie, 2023, https://arxiv.org/abs/2212.09748
 */
const model: DefineGraph = (g, config) => {
  const inChannels = config.integer('in_channels', 4);
  const outChannels = config.integer('out_channels', inChannels);
  const heads = config.integer('num_attention_heads', 16);
  const headSize = config.integer('attention_head_dim', 72);
  const channels = heads * headSize;
  const size = config.integer('patch_size', 2);
  const base = Math.floor(config.integer('sample_size', 32) / size);
  const classes = config.integer('num_embeds_ada_norm', 1000);
  const bias = config.flag('attention_bias', true);
  const kind = config.choice('activation_fn', FEED_FORWARDS, 'gelu-approximate');
  const norm = {
    channels,
    eps: config.number('norm_eps', 1e-5),
    affine: config.flag('norm_elementwise_affine', false),
  };
  config.only('norm_type', 'ada_norm_zero');
  config.ignore('norm_num_groups', 'upcast_attention');

  const image = g.input('hidden_states', 'float32', ['batch_size', inChannels, 'height', 'width']);
  const timesteps = g.reshape(g.input('timestep', 'float32', ['steps']), -1);
  const labels = g.input('class_labels', 'int64', ['batch_size']);
  const embedding = (block: Scope): Tensor => {
    const module = block.at('norm1.emb');
    const label = module
      .at('class_embedder.embedding_table')
      .lookUp('weight', [classes + 1, channels], labels);
    return g.add(transformerTime(module, 'timestep_embedder', timesteps, channels, 1), label);
  };

  const patches = g.at('pos_embed');
  const { tokens, grid } = patchTokens(patches, image, { size, in: inChannels, out: channels });
  let x = g.add(tokens, sinusoidalGrid(patches, grid, { channels, base, scale: 1 }));
  const layers = config.integer('num_layers', 28);
  let conditions: Tensor | undefined;
  for (let layer = 0; layer < layers; layer++) {
    const block = g.at('transformer_blocks', layer);
    const embedded = embedding(block);
    conditions ??= embedded;
    const first = adaptiveNorm(block.at('norm1'), x, embedded, channels, 6);
    const [gate, shift, scale, lastGate] = first.rest as [Tensor, Tensor, Tensor, Tensor];
    const self = attention(block.at('attn1'), first.x, first.x, { channels, heads, headSize, bias });
    x = block.add(block.multiply(gate, self), x);
    const second = modulate(block, layerNorm(block.at('norm3'), x, norm), shift, scale);
    x = block.add(block.multiply(lastGate, feedForward(block.at('ff'), second, channels, kind)), x);
  }

  const active = activation(g, 'silu', conditions ?? embedding(g.at('transformer_blocks.0')));
  const last = linear(g.at('proj_out_1'), active, { in: channels, out: 2 * channels });
  const [shift, scale] = partsOf(g, g.unsqueeze(last, 1), 2) as [Tensor, Tensor];
  const normalized = modulate(g, plainNorm(g.at('norm_out'), x, channels), shift, scale);
  const out = size * size * outChannels;
  const pixels = linearOnTokens(g.at('proj_out_2'), normalized, { in: channels, out });
  const prediction = imageOfPatches(g, pixels, grid, { size, channels: outChannels });
  g.output('out_hidden_states', prediction, ['batch_size', outChannels, 'height', 'width']);
};

export const ditTransformer2D: Architecture = { className: 'DiTTransformer2DModel', parts: { model } };
