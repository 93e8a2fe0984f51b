import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';

export interface ImageTokens {
  /** [B, H·W, C] */
  readonly tokens: Tensor;
  /** [B, H, W, C], for the way back. */
  readonly grid: Tensor;
}

/** Images [B, C, H, W] as tokens. */
export function imageToTokens(g: Scope, image: Tensor, channels: number): ImageTokens {
  const grid = g.transpose(image, 0, 2, 3, 1);
  return { tokens: g.reshape(grid, 0, -1, channels), grid };
}

/** Tokens [B, H·W, C] as images [B, C, H, W], on the grid they came from. */
export function tokensToImage(g: Scope, tokens: Tensor, grid: Tensor): Tensor {
  return g.transpose(g.node('Reshape', [tokens, g.shape(grid)]), 0, 3, 1, 2);
}
