import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { attention } from './attention.js';
import { convolution } from './convolution.js';
import { feedForward } from './feed-forward.js';
import { linearOnTokens } from './linear.js';
import { groupNorm, layerNorm } from './normalization.js';
import { imageToTokens, tokensToImage } from './tokens.js';

export interface SpatialTransformerOptions {
  readonly channels: number;
  readonly heads: number;
  readonly layers: number;
  readonly groups: number;
  /** What is attended to, [B, S, channels]. */
  readonly context: { readonly value: Tensor; readonly channels: number };
  /** The first attention is on the context too. */
  readonly onlyCrossAttention: boolean;
  /** Projections before and after are linear layers on tokens, not 1×1 convolutions. */
  readonly linearProjection: boolean;
}

/**
 * Transformer blocks over the places of an image [B, C, H, W], around which they add.
 * Source: Rombach et al., 2022, https://arxiv.org/abs/2112.10752, section 3.3
 */
export function spatialTransformer(g: Scope, image: Tensor, options: SpatialTransformerOptions): Tensor {
  const { channels, groups, linearProjection } = options;
  const size = { in: channels, out: channels };
  const normalized = groupNorm(g.at('norm'), image, { channels, groups, eps: 1e-6 });
  const projected = linearProjection
    ? normalized
    : convolution(g.at('proj_in'), normalized, { ...size, kernel: 1 });
  const { tokens, grid } = imageToTokens(g, projected, channels);
  let x = linearProjection ? linearOnTokens(g.at('proj_in'), tokens, size) : tokens;
  for (let layer = 0; layer < options.layers; layer++) {
    x = transformerBlock(g.at('transformer_blocks', layer), x, options);
  }
  const branch = linearProjection
    ? tokensToImage(g, linearOnTokens(g.at('proj_out'), x, size), grid)
    : convolution(g.at('proj_out'), tokensToImage(g, x, grid), { ...size, kernel: 1 });
  return g.add(branch, image);
}

function transformerBlock(g: Scope, tokens: Tensor, options: SpatialTransformerOptions): Tensor {
  const { channels, heads, context, onlyCrossAttention } = options;
  const shape = { channels, heads, headSize: Math.floor(channels / heads) };
  const onContext = { ...shape, contextChannels: context.channels };
  const normalized = (at: string, x: Tensor) => layerNorm(g.at(at), x, { channels });

  const first = normalized('norm1', tokens);
  const self = onlyCrossAttention
    ? attention(g.at('attn1'), first, context.value, onContext)
    : attention(g.at('attn1'), first, first, shape);
  const afterSelf = g.add(self, tokens);
  const cross = attention(g.at('attn2'), normalized('norm2', afterSelf), context.value, onContext);
  const afterCross = g.add(cross, afterSelf);
  return g.add(feedForward(g.at('ff'), normalized('norm3', afterCross), channels, 'geglu'), afterCross);
}
