import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import type { HeadOptions } from './attention.js';

/** Cosines and sines of the angles that places turn heads by, [L, d/2] each. */
export interface Rotation {
  readonly cosines: Tensor;
  readonly sines: Tensor;
}

/**
 * The rotation of places [L, axes], with some channels of a head for each axis.
 * Source: Su et al., 2021, https://arxiv.org/abs/2104.09864
 */
export function rotationOf(g: Scope, places: Tensor, channels: readonly number[]): Rotation {
  const angles = channels.map((width, axis) => {
    const half = width / 2;
    const frequencies = Array.from({ length: half }, (_, i) => 1 / 10000 ** (i / half));
    return g.multiply(g.slice(places, 1, axis, axis + 1), g.floats([1, half], frequencies));
  });
  const all = g.concat(-1, ...angles);
  return { cosines: g.node('Cos', [all]), sines: g.node('Sin', [all]) };
}

/** Turns neighbouring pairs of channels of each head of tokens [B, L, H·d]. */
export function rotate(
  g: Scope,
  tokens: Tensor,
  { cosines, sines }: Rotation,
  { heads }: HeadOptions,
): Tensor {
  // All sequences of a batch start at the first place.
  const start = g.ints(0);
  const attributes = { interleaved: 1, num_heads: heads };
  return g.node('RotaryEmbedding', [tokens, start, cosines, sines], attributes, 'com.microsoft');
}
