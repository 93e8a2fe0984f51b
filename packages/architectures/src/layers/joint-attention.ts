import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type HeadOptions, multiHeadAttention } from './attention.js';
import { linearOnTokens } from './linear.js';
import { rmsNorm } from './normalization.js';

/** Queries, keys and values, [B, L, H·d] each. */
export type Projections = readonly [query: Tensor, key: Tensor, value: Tensor];

export interface ProjectionOptions extends HeadOptions {
  /** Whether each head of queries and keys is normalized. */
  readonly normalized: boolean;
}

const OWN = { layers: ['to_q', 'to_k', 'to_v'], norms: ['norm_q', 'norm_k'] } as const;
const CONTEXT = {
  layers: ['add_q_proj', 'add_k_proj', 'add_v_proj'],
  norms: ['norm_added_q', 'norm_added_k'],
} as const;

/** Projects one stream for attention. @param stream which of the two, where they have parameters of their own */
export function projections(
  g: Scope,
  tokens: Tensor,
  options: ProjectionOptions,
  stream: 'own' | 'context' = 'own',
): Projections {
  const inner = options.heads * options.headSize;
  const { layers, norms } = stream === 'own' ? OWN : CONTEXT;
  const [query, key, value] = layers.map((name) =>
    linearOnTokens(g.at(name), tokens, { in: inner, out: inner }),
  ) as [Tensor, Tensor, Tensor];
  if (!options.normalized) return [query, key, value];
  return [
    normalizeHeads(g.at(norms[0]), query, options),
    normalizeHeads(g.at(norms[1]), key, options),
    value,
  ];
}

function normalizeHeads(g: Scope, x: Tensor, { heads, headSize }: HeadOptions): Tensor {
  const apart = g.reshape(x, 0, -1, heads, headSize);
  return g.reshape(rmsNorm(g, apart, { channels: headSize, eps: 1e-6 }), 0, -1, heads * headSize);
}

/** Joins the tokens of two streams. */
export function joined(g: Scope, first: Projections, second: Projections): Projections {
  const along = (at: 0 | 1 | 2) => g.concat(1, first[at], second[at]);
  return [along(0), along(1), along(2)];
}

/** Attention on projections. */
export function attend(g: Scope, [query, key, value]: Projections, heads: HeadOptions): Tensor {
  return multiHeadAttention(g, query, key, value, heads);
}

/** Cuts joined tokens apart: as many as `first` has, and the others. */
export function split(g: Scope, tokens: Tensor, first: Tensor): [Tensor, Tensor] {
  const length = g.shape(first, 1, 2);
  const head = g.node('Slice', [tokens, g.ints(0), length, g.ints(1)]);
  return [head, g.node('Slice', [tokens, length, g.ints(Number.MAX_SAFE_INTEGER), g.ints(1)])];
}
