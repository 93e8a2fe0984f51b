import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from './activation.js';
import { linear } from './linear.js';
import { layerNorm } from './normalization.js';

/** x · (1 + scale) + shift, for tokens [B, L, C]; scale and shift are [B, 1, C]. */
export function modulate(g: Scope, x: Tensor, shift: Tensor, scale: Tensor): Tensor {
  return g.add(g.multiply(x, g.add(scale, g.scalar(1))), shift);
}

/** Cuts [B, 1, parts · C] into [B, 1, C] each. */
export function partsOf(g: Scope, x: Tensor, parts: number): Tensor[] {
  return g.nodes('Split', [x], parts, { axis: -1, num_outputs: parts });
}

/** What an embedding [B, channels] modulates with, after an activation: [B, 1, channels] each. */
function modulation(g: Scope, embedding: Tensor, channels: number, parts: number): Tensor[] {
  const active = g.assembly.once(`silu of ${embedding}`, () => activation(g.at('silu'), 'silu', embedding));
  const together = linear(g.at('linear'), active, { in: channels, out: parts * channels });
  return partsOf(g, g.unsqueeze(together, 1), parts);
}

/**
 * Layer normalization whose scale and shift come from an embedding, with gates for what follows.
 * Source: Peebles and Xie, 2023, https://arxiv.org/abs/2212.09748, section 3.2 (adaLN-Zero)
 * @returns the normalized tokens, and the further parts of the modulation
 */
export function adaptiveNorm(
  g: Scope,
  tokens: Tensor,
  embedding: Tensor,
  channels: number,
  parts: number,
): { x: Tensor; normalized: Tensor; rest: Tensor[] } {
  const [shift, scale, ...rest] = modulation(g, embedding, channels, parts) as [Tensor, Tensor, ...Tensor[]];
  const normalized = plainNorm(g.at('norm'), tokens, channels);
  return { x: modulate(g, normalized, shift, scale), normalized, rest };
}

/** The last normalization of a transformer, whose scale comes before its shift. */
export function continuousNorm(g: Scope, tokens: Tensor, embedding: Tensor, channels: number): Tensor {
  const [scale, shift] = modulation(g, embedding, channels, 2) as [Tensor, Tensor];
  return modulate(g, plainNorm(g.at('norm'), tokens, channels), shift, scale);
}

/** Layer normalization without a scale and a shift of its own. */
export function plainNorm(g: Scope, tokens: Tensor, channels: number): Tensor {
  return layerNorm(g, tokens, { channels, eps: 1e-6, affine: false });
}
