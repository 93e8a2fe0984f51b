import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { attention } from './attention.js';
import { groupNorm } from './normalization.js';
import { imageToTokens, tokensToImage } from './tokens.js';

export interface ImageAttentionOptions {
  readonly channels: number;
  /** Channels of a head; all of them make one head. */
  readonly headSize: number;
  /** Undefined for no normalization. */
  readonly groups: number | undefined;
  readonly eps: number;
  /** What the sum with the input is divided by. */
  readonly outputScale?: number;
}

/** Self-attention over all places of an image [B, C, H, W], around which it adds. */
export function imageAttention(g: Scope, image: Tensor, options: ImageAttentionOptions): Tensor {
  const { channels, headSize, groups, eps, outputScale = 1 } = options;
  const normalized =
    groups === undefined ? image : groupNorm(g.at('group_norm'), image, { channels, groups, eps });
  const { tokens, grid } = imageToTokens(g, normalized, channels);
  const heads = Math.floor(channels / headSize);
  const attended = attention(g, tokens, tokens, { channels, heads, headSize, bias: true });
  const sum = g.add(tokensToImage(g, attended, grid), image);
  return outputScale === 1 ? sum : g.node('Div', [sum, g.scalar(outputScale)]);
}
