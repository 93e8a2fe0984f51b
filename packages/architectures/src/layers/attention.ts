import { float } from '@cachequant/onnx';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { linearOnTokens } from './linear.js';

export interface HeadOptions {
  readonly heads: number;
  readonly headSize: number;
}

/**
 * softmax(Q Kᵀ / √d) V over heads: queries [B, L, H·d] on keys and values [B, S, H·d] give [B, L, H·d], in one operator
 * that for long sequences never holds all scores at once.
 * Source: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, section 3.2
 */
export function multiHeadAttention(
  g: Scope,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { heads, headSize }: HeadOptions,
): Tensor {
  const attributes = { num_heads: heads, scale: float(1 / Math.sqrt(headSize)) };
  return g.node('MultiHeadAttention', [query, key, value], attributes, 'com.microsoft');
}

export interface MaskedAttentionOptions extends HeadOptions {
  /** Is added to the scores; broadcasts to [B, H, L, S]. */
  readonly bias?: Tensor;
  /** What the scores are multiplied with. */
  readonly scale: number;
}

/** The same with something added to the scores, written out as products, which every runtime has. */
export function maskedAttention(
  g: Scope,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { heads, headSize, bias, scale }: MaskedAttentionOptions,
): Tensor {
  const split = (x: Tensor, ...perm: readonly number[]) =>
    g.transpose(g.reshape(x, 0, -1, heads, headSize), ...perm);
  const queries = split(query, 0, 2, 1, 3);
  const scaled = scale === 1 ? queries : g.multiply(queries, g.scalar(scale));
  const scores = g.node('MatMul', [scaled, split(key, 0, 2, 3, 1)]);
  const weights = g.node('Softmax', [bias === undefined ? scores : g.add(scores, bias)], { axis: -1 });
  const mixed = g.node('MatMul', [weights, split(value, 0, 2, 1, 3)]);
  return g.reshape(g.transpose(mixed, 0, 2, 1, 3), 0, -1, heads * headSize);
}

export interface AttentionOptions extends HeadOptions {
  /** Channels of the tokens. */
  readonly channels: number;
  /** Channels of what is attended to; those of the tokens unless given. */
  readonly contextChannels?: number;
  /** Of queries, keys and values. */
  readonly bias?: boolean;
  /** Is added to the scores; broadcasts to [B, H, L, S]. */
  readonly scoreBias?: Tensor;
}

/** Attention with its projections: tokens [B, L, C] on a context [B, S, D], or on themselves. */
export function attention(g: Scope, tokens: Tensor, context: Tensor, options: AttentionOptions): Tensor {
  const { channels, contextChannels = channels, bias = false, scoreBias, ...heads } = options;
  const inner = heads.heads * heads.headSize;
  const query = linearOnTokens(g.at('to_q'), tokens, { in: channels, out: inner, bias });
  const key = linearOnTokens(g.at('to_k'), context, { in: contextChannels, out: inner, bias });
  const value = linearOnTokens(g.at('to_v'), context, { in: contextChannels, out: inner, bias });
  const mixed =
    scoreBias === undefined
      ? multiHeadAttention(g, query, key, value, heads)
      : maskedAttention(g, query, key, value, {
          ...heads,
          bias: scoreBias,
          scale: 1 / Math.sqrt(heads.headSize),
        });
  return linearOnTokens(g.at('to_out.0'), mixed, { in: inner, out: channels });
}
