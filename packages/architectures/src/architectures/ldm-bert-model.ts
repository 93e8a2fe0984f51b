import type { Tensor } from '../builder/graph-assembly.js';
import { activation } from '../layers/activation.js';
import { multiHeadAttention } from '../layers/attention.js';
import { linearOnTokens } from '../layers/linear.js';
import { layerNorm } from '../layers/normalization.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * The text encoder of latent diffusion: ids [B, S] → states [B, S, D].
 * Source: Rombach et al., 2022, https://arxiv.org/abs/2112.10752, section 4.3.1
 */
const model: DefineGraph = (g, config) => {
  const size = config.integer('d_model', 1280);
  const inner = config.integer('encoder_ffn_dim', 5120);
  const heads = config.integer('encoder_attention_heads', 8);
  const headSize = config.integer('head_dim', 64);
  const layers = config.integer('encoder_layers', 32);
  const positions = config.integer('max_position_embeddings', 77);
  const vocabulary = config.integer('vocab_size', 30522);
  const act = config.choice('activation_function', ['gelu', 'relu', 'silu'], 'gelu');
  config.ignore('activation_dropout', 'classifier_dropout', 'encoder_layerdrop', 'init_std');
  config.ignore('num_hidden_layers', 'scale_embedding');

  const encoder = g.at('model');
  const ids = g.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const places = encoder.at('embed_positions').parameter('weight', [positions, size]);
  let x = encoder.add(
    encoder.at('embed_tokens').lookUp('weight', [vocabulary, size], ids),
    encoder.node('Slice', [places, encoder.ints(0), encoder.shape(ids, 1, 2), encoder.ints(0)]),
  );
  for (let layer = 0; layer < layers; layer++) {
    const block = encoder.at('layers', layer);
    const self = block.at('self_attn');
    const first = layerNorm(block.at('self_attn_layer_norm'), x, { channels: size });
    const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
      linearOnTokens(self.at(name), first, { in: size, out: heads * headSize, bias: false }),
    ) as [Tensor, Tensor, Tensor];
    const mixed = multiHeadAttention(self, query, key, value, { heads, headSize });
    x = block.add(x, linearOnTokens(self.at('out_proj'), mixed, { in: heads * headSize, out: size }));
    const second = layerNorm(block.at('final_layer_norm'), x, { channels: size });
    const wide = linearOnTokens(block.at('fc1'), second, { in: size, out: inner });
    const hidden = activation(block.at('activation_fn'), act, wide);
    x = block.add(x, linearOnTokens(block.at('fc2'), hidden, { in: inner, out: size }));
  }
  const last = layerNorm(encoder.at('layer_norm'), x, { channels: size });
  g.output('last_hidden_state', last, ['batch_size', 'sequence_length', size]);
};

export const ldmBertModel: Architecture = { className: 'LDMBertModel', parts: { model } };
