import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from './activation.js';
import { linearOnTokens } from './linear.js';

export const FEED_FORWARDS = ['geglu', 'gelu', 'gelu-approximate'] as const;
export type FeedForward = (typeof FEED_FORWARDS)[number];

/** Two linear layers with an activation between, four times as wide: [B, L, C] → [B, L, C]. */
export function feedForward(g: Scope, tokens: Tensor, channels: number, kind: FeedForward): Tensor {
  const inner = channels * 4;
  const projection = g.at('net.0.proj');
  const hidden =
    kind === 'geglu'
      ? gatedGelu(projection, tokens, channels, inner)
      : activation(
          g.at('net.0'),
          kind === 'gelu' ? 'gelu' : 'gelu_tanh',
          linearOnTokens(projection, tokens, { in: channels, out: inner }),
        );
  return linearOnTokens(g.at('net.2'), hidden, { in: inner, out: channels });
}

/**
 * Values times GELU of gates, as two products over the two halves of one weight: no half is ever cut out of a tensor.
 * Source: Shazeer, 2020, https://arxiv.org/abs/2002.05202
 */
function gatedGelu(g: Scope, tokens: Tensor, channels: number, inner: number): Tensor {
  const half = (start: number) =>
    linearOnTokens(g, tokens, { in: channels, out: 2 * inner, rows: { start, count: inner } });
  const values = half(0);
  return g.multiply(values, activation(g, 'gelu', half(inner)));
}
