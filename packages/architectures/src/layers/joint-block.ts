import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { adaptiveNorm, modulate, plainNorm } from './adaptive-norm.js';
import { feedForward } from './feed-forward.js';
import { linearOnTokens } from './linear.js';

/** What one stream brings out of the first half of a block: what it attends with, and what follows. */
export interface Stream {
  readonly tokens: Tensor;
  /** Normalized, to attend with. */
  readonly x: Tensor;
  /** The normalization alone, before its modulation. */
  readonly normalized: Tensor;
  /** Gate of attention; shift, scale and gate of the feed-forward part; further ones. */
  readonly rest: readonly Tensor[];
}

/** Normalizes one stream of a block. @param parts of its modulation, six at least */
export function openStream(g: Scope, tokens: Tensor, embedding: Tensor, channels: number, parts = 6): Stream {
  return { tokens, ...adaptiveNorm(g, tokens, embedding, channels, parts) };
}

/** The names of what follows attention in a stream. */
export interface StreamModules {
  readonly out: string;
  readonly norm: string;
  readonly feedForward: string;
}

export const OWN_MODULES: StreamModules = { out: 'attn.to_out.0', norm: 'norm2', feedForward: 'ff' };
export const CONTEXT_MODULES: StreamModules = {
  out: 'attn.to_add_out',
  norm: 'norm2_context',
  feedForward: 'ff_context',
};

/** Adds what was attended to, gated. */
export function addAttended(
  g: Scope,
  tokens: Tensor,
  attended: Tensor,
  gate: Tensor,
  out: string,
  channels: number,
): Tensor {
  const projected = linearOnTokens(g.at(out), attended, { in: channels, out: channels });
  return g.add(tokens, g.multiply(gate, projected));
}

/** The second half of a stream: adds the feed-forward part, modulated and gated. */
export function closeStream(
  g: Scope,
  tokens: Tensor,
  { rest }: Stream,
  modules: StreamModules,
  channels: number,
): Tensor {
  const [, shift, scale, gate] = rest as [Tensor, Tensor, Tensor, Tensor];
  const normalized = modulate(g, plainNorm(g.at(modules.norm), tokens, channels), shift, scale);
  const fed = feedForward(g.at(modules.feedForward), normalized, channels, 'gelu-approximate');
  return g.add(tokens, g.multiply(gate, fed));
}
