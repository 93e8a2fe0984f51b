import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type ActivationName, activation } from './activation.js';
import { maskedAttention } from './attention.js';
import { linearOnTokens } from './linear.js';
import { layerNorm } from './normalization.js';

export interface ClipText {
  /** Channels. */
  readonly size: number;
  /** [B, S, size], normalized. */
  readonly last: Tensor;
  /** [B, size]: the last one, at the end of the text. */
  readonly pooled: Tensor;
  /** The tokens' embeddings and the output of each layer, [B, S, size]. */
  readonly states: readonly Tensor[];
}

/** Far below any score, and still a number in half precision. */
const MASKED = -10000;

/** CLIP's text encoder. Source: Radford et al., 2021, https://arxiv.org/abs/2103.00020, section 2.4 */
export function clipText(root: Scope, config: Configuration): ClipText {
  const size = config.integer('hidden_size', 512);
  const inner = config.integer('intermediate_size', 2048);
  const heads = config.integer('num_attention_heads', 8);
  const layers = config.integer('num_hidden_layers', 12);
  const positions = config.integer('max_position_embeddings', 77);
  const vocabulary = config.integer('vocab_size', 49408);
  const eps = config.number('layer_norm_eps', 1e-5);
  const act = config.choice('hidden_act', ['quick_gelu', 'gelu'], 'quick_gelu');
  const end = config.integer('eos_token_id', 49407);
  config.ignore('projection_dim');

  // Checkpoints have all names below text_model; transformers 5 leaves it out.
  const prefixed = root.assembly.parameters.has('text_model.embeddings.token_embedding.weight');
  const g = prefixed ? root.at('text_model') : root;
  const ids = root.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const length = g.shape(ids, 1, 2);
  const embeddings = g.at('embeddings');
  const places = embeddings.at('position_embedding').parameter('weight', [positions, size]);
  const sizes = { in: size, inner, heads, eps, act, size };
  let x = g.add(
    embeddings.at('token_embedding').lookUp('weight', [vocabulary, size], ids),
    g.node('Slice', [places, g.ints(0), length, g.ints(0)]),
  );
  const mask = causalMask(g, positions, length);
  const states = [x];
  for (let layer = 0; layer < layers; layer++) {
    x = clipLayer(g.at('encoder.layers', layer), x, mask, sizes);
    states.push(x);
  }
  const last = layerNorm(g.at('final_layer_norm'), x, { channels: size, eps });
  return { size, last, pooled: pool(g, last, ids, end), states };
}

/** [S, S], 0 where a token may look and far below it where it may not: at what follows. */
function causalMask(g: Scope, positions: number, length: Tensor): Tensor {
  const values = Array.from({ length: positions * positions }, (_, at) =>
    at % positions > Math.floor(at / positions) ? MASKED : 0,
  );
  const mask = g.floats([positions, positions], values);
  const corner = g.concat(0, length, length);
  return g.node('Slice', [mask, g.ints(0, 0), corner, g.ints(0, 1)]);
}

interface ClipSizes {
  readonly size: number;
  readonly inner: number;
  readonly heads: number;
  readonly eps: number;
  readonly act: ActivationName;
}

function clipLayer(g: Scope, x: Tensor, mask: Tensor, sizes: ClipSizes): Tensor {
  const { size, inner, heads, eps, act } = sizes;
  const square = { in: size, out: size };
  const headSize = size / heads;
  const first = layerNorm(g.at('layer_norm1'), x, { channels: size, eps });
  const self = g.at('self_attn');
  const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
    linearOnTokens(self.at(name), first, square),
  ) as [Tensor, Tensor, Tensor];
  const mixed = maskedAttention(self, query, key, value, {
    heads,
    headSize,
    bias: mask,
    scale: 1 / Math.sqrt(headSize),
  });
  const attended = g.add(x, linearOnTokens(self.at('out_proj'), mixed, square));
  const mlp = g.at('mlp');
  const second = layerNorm(g.at('layer_norm2'), attended, { channels: size, eps });
  const hidden = activation(mlp, act, linearOnTokens(mlp.at('fc1'), second, { in: size, out: inner }));
  return g.add(attended, linearOnTokens(mlp.at('fc2'), hidden, { in: inner, out: size }));
}

/** Configurations before transformers 4.31 give 2 for the end of the text, which was the highest id then. */
const OLD_END = 2;

function pool(g: Scope, last: Tensor, ids: Tensor, end: number): Tensor {
  const marks = end === OLD_END ? ids : g.node('Equal', [ids, g.assembly.constant('int64', [], [end])]);
  const comparable = g.node('Cast', [marks], { to: 6 });
  const place = g.node('ArgMax', [comparable], { axis: -1, keepdims: 1 });
  return g.node('GatherND', [last, place], { batch_dims: 1 });
}
