import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type ActivationName, activation } from '../layers/activation.js';
import { maskedAttention } from '../layers/attention.js';
import { linearOnTokens } from '../layers/linear.js';
import { rmsNorm } from '../layers/normalization.js';
import { relativeBuckets } from '../layers/relative-buckets.js';
import type { Architecture, DefineGraph } from './architecture.js';

/** What a place of the text that is padding adds to its scores. */
const MASKED = -10000;

/**
 * Ids [B, S] → states [B, S, D].
 * Sources: Raffel et al., 2020, https://arxiv.org/abs/1910.10683; Shazeer, 2020, https://arxiv.org/abs/2002.05202 (1.1)
 */
const model: DefineGraph = (g, config, { attentionMask = false }) => {
  const size = config.integer('d_model', 512);
  const heads = config.integer('num_heads', 8);
  const headSize = config.integer('d_kv', 64);
  const vocabulary = config.integer('vocab_size', 32128);
  const inner = config.integer('d_ff', 2048);
  const layers = config.integer('num_layers', 6);
  const eps = config.number('layer_norm_epsilon', 1e-6);
  const kind = feedForwardKind(config);
  const buckets = config.integer('relative_attention_num_buckets', 32);
  const distance = config.integer('relative_attention_max_distance', 128);
  config.ignore('classifier_dropout', 'dense_act_fn', 'is_gated_act', 'num_decoder_layers', 'n_positions');
  config.ignore('scale_decoder_outputs');

  const ids = g.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const stack = g.at('encoder');
  const norm = { channels: size, eps };
  const table = stack.at('block.0.layer.0.SelfAttention.relative_attention_bias');
  let bias = positionBias(table, ids, { heads, buckets, distance });
  if (attentionMask) {
    const mask = g.input('attention_mask', 'int64', ['batch_size', 'sequence_length']);
    const padding = g.node('Sub', [g.scalar(1), g.node('Cast', [mask], { to: 1 })]);
    bias = g.add(bias, g.unsqueeze(g.multiply(padding, g.scalar(MASKED)), 1, 2));
  }

  // One parameter under two names, of which files keep one.
  const embedding = g.assembly.parameters.has('shared.weight') ? 'shared' : 'encoder.embed_tokens';
  let x = g.at(embedding).lookUp('weight', [vocabulary, size], ids);
  for (let layer = 0; layer < layers; layer++) {
    const self = stack.at('block', layer, 'layer.0');
    const first = rmsNorm(self.at('layer_norm'), x, norm);
    x = self.add(x, selfAttention(self.at('SelfAttention'), first, bias, { size, heads, headSize }));
    const feed = stack.at('block', layer, 'layer.1');
    const second = rmsNorm(feed.at('layer_norm'), x, norm);
    x = feed.add(x, denseLayers(feed.at('DenseReluDense'), second, { size, inner, ...kind }));
  }
  const last = rmsNorm(stack.at('final_layer_norm'), x, norm);
  g.output('last_hidden_state', last, ['batch_size', 'sequence_length', size]);
};

interface FeedForwardKind {
  readonly act: ActivationName;
  readonly gated: boolean;
}

function feedForwardKind(config: Configuration): FeedForwardKind {
  const kinds = {
    relu: { act: 'relu', gated: false },
    gelu: { act: 'gelu', gated: false },
    silu: { act: 'silu', gated: false },
    'gated-gelu': { act: 'gelu_tanh', gated: true },
    'gated-silu': { act: 'silu', gated: true },
  } as const;
  const names = Object.keys(kinds) as (keyof typeof kinds)[];
  return kinds[config.choice('feed_forward_proj', names, 'relu')];
}

interface BiasOptions {
  readonly heads: number;
  readonly buckets: number;
  readonly distance: number;
}

/** What the distance between two places adds to their scores: [1, H, S, S]. */
function positionBias(g: Scope, ids: Tensor, { heads, buckets, distance }: BiasOptions): Tensor {
  const bucketOf = relativeBuckets(buckets, distance);
  const reach = (bucketOf.length - 1) / 2;
  const byDistance = g.lookUp('weight', [buckets, heads], g.ints(...bucketOf));
  const [zero, one] = [0, 1].map((value) => g.assembly.constant('int64', [], [value])) as [Tensor, Tensor];
  const length = g.node('Squeeze', [g.shape(ids, 1, 2), g.ints(0)]);
  const places = g.node('Range', [zero, length, one]);
  const distances = g.node('Sub', [g.unsqueeze(places, 0), g.unsqueeze(places, 1)]);
  const [least, most] = [-reach, reach].map((value) => g.assembly.constant('int64', [], [value]));
  const near = g.node('Min', [g.node('Max', [distances, least!]), most!]);
  const chosen = g.node('Gather', [byDistance, g.add(near, most!)], { axis: 0 });
  return g.unsqueeze(g.transpose(chosen, 2, 0, 1), 0);
}

interface SelfAttentionOptions {
  readonly size: number;
  readonly heads: number;
  readonly headSize: number;
}

function selfAttention(g: Scope, x: Tensor, bias: Tensor, options: SelfAttentionOptions): Tensor {
  const { size, heads, headSize } = options;
  const inner = heads * headSize;
  const [query, key, value] = ['q', 'k', 'v'].map((name) =>
    linearOnTokens(g.at(name), x, { in: size, out: inner, bias: false }),
  ) as [Tensor, Tensor, Tensor];
  const mixed = maskedAttention(g, query, key, value, { heads, headSize, bias, scale: 1 });
  return linearOnTokens(g.at('o'), mixed, { in: inner, out: size, bias: false });
}

function denseLayers(
  g: Scope,
  x: Tensor,
  { size, inner, act, gated }: FeedForwardKind & { readonly size: number; readonly inner: number },
): Tensor {
  const wide = (name: string) => linearOnTokens(g.at(name), x, { in: size, out: inner, bias: false });
  const active = activation(g.at('act'), act, wide(gated ? 'wi_0' : 'wi'));
  const hidden = gated ? g.multiply(active, wide('wi_1')) : active;
  return linearOnTokens(g.at('wo'), hidden, { in: inner, out: size, bias: false });
}

export const t5EncoderModel: Architecture = { className: 'T5EncoderModel', parts: { model } };
