import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from '../layers/activation.js';
import { adaptiveNorm, continuousNorm } from '../layers/adaptive-norm.js';
import type { HeadOptions } from '../layers/attention.js';
import { attend, joined, type Projections, projections, split } from '../layers/joint-attention.js';
import { addAttended, CONTEXT_MODULES, closeStream, OWN_MODULES, openStream } from '../layers/joint-block.js';
import { linearOnTokens } from '../layers/linear.js';
import { type Rotation, rotate, rotationOf } from '../layers/rotary-embedding.js';
import { pooledText, transformerTime } from '../layers/text-projection.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * FLUX.1: packed latents [B, L, C] at a time and texts [B, S, D] give the velocity. The two first attend to each other
 * with weights of their own, then run through blocks as one.
 * Source: Black Forest Labs, https://github.com/black-forest-labs/flux
 */
const model: DefineGraph = (g, config) => {
  const inChannels = config.integer('in_channels', 64);
  const outChannels = config.integer('out_channels', inChannels);
  const heads = config.integer('num_attention_heads', 24);
  const headSize = config.integer('attention_head_dim', 128);
  const channels = heads * headSize;
  const textChannels = config.integer('joint_attention_dim', 4096);
  const pooledChannels = config.integer('pooled_projection_dim', 768);
  const axes = config.integers('axes_dims_rope', [16, 56, 56]);
  const patch = config.integer('patch_size', 1);
  if (axes.reduce((sum, width) => sum + width, 0) !== headSize) {
    throw config.refuse('axes_dims_rope', `numbers whose sum is ${headSize}`);
  }

  const latents = g.input('hidden_states', 'float32', ['batch_size', 'packed_length', inChannels]);
  const text = g.input('encoder_hidden_states', 'float32', ['batch_size', 'sequence_length', textChannels]);
  const pooled = g.input('pooled_projections', 'float32', ['batch_size', pooledChannels]);
  const timesteps = g.input('timestep', 'float32', ['steps']);
  const textPlaces = g.input('txt_ids', 'float32', ['sequence_length', axes.length]);
  const imagePlaces = g.input('img_ids', 'float32', ['packed_length', axes.length]);

  const module = g.at('time_text_embed');
  const time = (name: string, value: Tensor) =>
    transformerTime(module, name, module.multiply(module.reshape(value, -1), module.scalar(1000)), channels);
  let embedding = time('timestep_embedder', timesteps);
  if (config.flag('guidance_embeds', false)) {
    const guidance = g.input('guidance', 'float32', ['batch_size']);
    embedding = module.add(embedding, time('guidance_embedder', guidance));
  }
  embedding = module.add(embedding, pooledText(module.at('text_embedder'), pooled, pooledChannels, channels));

  const rotation = rotationOf(g.at('pos_embed'), g.concat(0, textPlaces, imagePlaces), axes);
  const options = { heads, headSize };
  let x = linearOnTokens(g.at('x_embedder'), latents, { in: inChannels, out: channels });
  let context = linearOnTokens(g.at('context_embedder'), text, { in: textChannels, out: channels });
  const doubles = config.integer('num_layers', 19);
  for (let layer = 0; layer < doubles; layer++) {
    [x, context] = doubleBlock(g.at('transformer_blocks', layer), x, context, embedding, rotation, options);
  }
  let both = g.concat(1, context, x);
  const singles = config.integer('num_single_layers', 38);
  for (let layer = 0; layer < singles; layer++) {
    both = singleBlock(g.at('single_transformer_blocks', layer), both, embedding, rotation, options);
  }
  const [, image] = split(g, both, text);
  const last = continuousNorm(g.at('norm_out'), image, embedding, channels);
  const out = patch * patch * outChannels;
  const velocity = linearOnTokens(g.at('proj_out'), last, { in: channels, out });
  g.output('out_hidden_states', velocity, ['batch_size', 'packed_length', out]);
};

function doubleBlock(
  g: Scope,
  tokens: Tensor,
  context: Tensor,
  embedding: Tensor,
  rotation: Rotation,
  options: HeadOptions,
): [x: Tensor, context: Tensor] {
  const channels = options.heads * options.headSize;
  const own = openStream(g.at('norm1'), tokens, embedding, channels);
  const other = openStream(g.at('norm1_context'), context, embedding, channels);
  const attn = g.at('attn');
  const normalized = { ...options, normalized: true };
  const together = joined(
    attn,
    projections(attn, other.x, normalized, 'context'),
    projections(attn, own.x, normalized),
  );
  const attended = attend(attn, rotated(attn, together, rotation, options), options);
  const [onContext, onImage] = split(attn, attended, context);
  const x = addAttended(g, tokens, onImage, own.rest[0]!, OWN_MODULES.out, channels);
  const text = addAttended(g, context, onContext, other.rest[0]!, CONTEXT_MODULES.out, channels);
  return [
    closeStream(g, x, own, OWN_MODULES, channels),
    closeStream(g, text, other, CONTEXT_MODULES, channels),
  ];
}

/** Attention and the feed-forward part side by side. */
function singleBlock(
  g: Scope,
  tokens: Tensor,
  embedding: Tensor,
  rotation: Rotation,
  options: HeadOptions,
): Tensor {
  const channels = options.heads * options.headSize;
  const inner = 4 * channels;
  const { x, rest } = adaptiveNorm(g.at('norm'), tokens, embedding, channels, 3);
  const wide = linearOnTokens(g.at('proj_mlp'), x, { in: channels, out: inner });
  const fed = activation(g.at('act_mlp'), 'gelu_tanh', wide);
  const attn = g.at('attn');
  const own = projections(attn, x, { ...options, normalized: true });
  const attended = attend(attn, rotated(attn, own, rotation, options), options);
  const size = { in: channels + inner, out: channels };
  const projected = linearOnTokens(g.at('proj_out'), g.concat(2, attended, fed), size);
  return g.add(tokens, g.multiply(rest[0]!, projected));
}

function rotated(
  g: Scope,
  [query, key, value]: Projections,
  rotation: Rotation,
  options: HeadOptions,
): Projections {
  return [rotate(g, query, rotation, options), rotate(g, key, rotation, options), value];
}

export const fluxTransformer2D: Architecture = { className: 'FluxTransformer2DModel', parts: { model } };
