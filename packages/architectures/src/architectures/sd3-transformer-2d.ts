import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { continuousNorm, modulate } from '../layers/adaptive-norm.js';
import { attend, joined, type ProjectionOptions, projections, split } from '../layers/joint-attention.js';
import { addAttended, CONTEXT_MODULES, closeStream, OWN_MODULES, openStream } from '../layers/joint-block.js';
import { linearOnTokens } from '../layers/linear.js';
import { imageOfPatches, patchTokens, storedGrid } from '../layers/patches.js';
import { pooledText, transformerTime } from '../layers/text-projection.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * Stable Diffusion 3: latents [B, C, H, W] at a time and texts [B, S, D], which attend to each other, give the velocity.
 * Source: Esser et al., 2024, https://arxiv.org/abs/2403.03206, section 4
 */
const model: DefineGraph = (g, config) => {
  const inChannels = config.integer('in_channels', 16);
  const outChannels = config.isNull('out_channels') ? inChannels : config.integer('out_channels', 16);
  const heads = config.integer('num_attention_heads', 18);
  const headSize = config.integer('attention_head_dim', 64);
  const channels = heads * headSize;
  const size = config.integer('patch_size', 2);
  const textChannels = config.integer('joint_attention_dim', 4096);
  const pooledChannels = config.integer('pooled_projection_dim', 2048);
  const dual = config.integers('dual_attention_layers', []);
  const normalized = config.optionalChoice('qk_norm', ['rms_norm']) !== undefined;
  if (config.integer('caption_projection_dim', 1152) !== channels) {
    throw config.refuse('caption_projection_dim', `${channels}, as the heads have together`);
  }

  const image = g.input('hidden_states', 'float32', ['batch_size', inChannels, 'height', 'width']);
  const text = g.input('encoder_hidden_states', 'float32', ['batch_size', 'sequence_length', textChannels]);
  const pooled = g.input('pooled_projections', 'float32', ['batch_size', pooledChannels]);
  const timesteps = g.reshape(g.input('timestep', 'float32', ['steps']), -1);
  const module = g.at('time_text_embed');
  const embedding = module.add(
    transformerTime(module, 'timestep_embedder', timesteps, channels),
    pooledText(module.at('text_embedder'), pooled, pooledChannels, channels),
  );

  const patches = g.at('pos_embed');
  const { tokens, grid } = patchTokens(patches, image, { size, in: inChannels, out: channels });
  let x = g.add(tokens, storedGrid(patches, grid, config.integer('pos_embed_max_size', 96), channels));
  let context = linearOnTokens(g.at('context_embedder'), text, { in: textChannels, out: channels });
  const layers = config.integer('num_layers', 18);
  for (let layer = 0; layer < layers; layer++) {
    const block = g.at('transformer_blocks', layer);
    const options = { heads, headSize, normalized, dual: dual.includes(layer), last: layer === layers - 1 };
    [x, context] = jointBlock(block, x, context, embedding, options);
  }

  const last = continuousNorm(g.at('norm_out'), x, embedding, channels);
  const out = size * size * outChannels;
  const pixels = linearOnTokens(g.at('proj_out'), last, { in: channels, out });
  const velocity = imageOfPatches(g, pixels, grid, { size, channels: outChannels });
  g.output('out_hidden_states', velocity, ['batch_size', outChannels, 'height', 'width']);
};

interface JointBlockOptions extends ProjectionOptions {
  /** A second attention, among the image's tokens alone. */
  readonly dual: boolean;
  /** The context is not needed any more. */
  readonly last: boolean;
}

function jointBlock(
  g: Scope,
  tokens: Tensor,
  context: Tensor,
  embedding: Tensor,
  options: JointBlockOptions,
): [x: Tensor, context: Tensor] {
  const channels = options.heads * options.headSize;
  const own = openStream(g.at('norm1'), tokens, embedding, channels, options.dual ? 9 : 6);
  const attn = g.at('attn');
  const ownProjections = projections(attn, own.x, options);
  const attended = (contextTokens: Tensor) => {
    const contextProjections = projections(attn, contextTokens, options, 'context');
    return split(attn, attend(attn, joined(attn, ownProjections, contextProjections), options), tokens);
  };
  const finish = (onImage: Tensor) => {
    let x = addAttended(g, tokens, onImage, own.rest[0]!, OWN_MODULES.out, channels);
    if (options.dual) {
      const [shift, scale, gate] = own.rest.slice(4) as [Tensor, Tensor, Tensor];
      const second = g.at('attn2');
      const alone = modulate(g.at('norm1'), own.normalized, shift, scale);
      const again = attend(second, projections(second, alone, options), options);
      x = addAttended(g, x, again, gate, 'attn2.to_out.0', channels);
    }
    return closeStream(g, x, own, OWN_MODULES, channels);
  };
  if (options.last) {
    const [onImage] = attended(continuousNorm(g.at('norm1_context'), context, embedding, channels));
    return [finish(onImage), context];
  }
  const other = openStream(g.at('norm1_context'), context, embedding, channels);
  const [onImage, onContext] = attended(other.x);
  const added = addAttended(g, context, onContext, other.rest[0]!, CONTEXT_MODULES.out, channels);
  return [finish(onImage), closeStream(g, added, other, CONTEXT_MODULES, channels)];
}

export const sd3Transformer2D: Architecture = { className: 'SD3Transformer2DModel', parts: { model } };
