import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from './activation.js';
import { linear, linearOnTokens } from './linear.js';
import { sinusoids, timeEmbedding } from './time-embedding.js';

/** Two linear layers on tokens [B, L, in] → [B, L, out]. */
export function captionProjection(g: Scope, tokens: Tensor, channels: number, out: number): Tensor {
  const first = linearOnTokens(g.at('linear_1'), tokens, { in: channels, out });
  return linearOnTokens(g.at('linear_2'), activation(g.at('act_1'), 'gelu_tanh', first), { in: out, out });
}

/** Channels of the sinusoids that transformers take times as. */
const TIME_CHANNELS = 256;

/** The embedding of times [N]: [N, out]. */
export function transformerTime(
  g: Scope,
  name: string,
  times: Tensor,
  out: number,
  frequencyShift = 0,
): Tensor {
  const options = { channels: TIME_CHANNELS, cosineFirst: true, frequencyShift };
  const features = sinusoids(g.at('time_proj'), times, options);
  return timeEmbedding(g.at(name), features, { in: TIME_CHANNELS, out });
}

/** The embedding of a pooled text [B, channels]: [B, out]. */
export function pooledText(g: Scope, text: Tensor, channels: number, out: number): Tensor {
  const first = linear(g.at('linear_1'), text, { in: channels, out });
  return linear(g.at('linear_2'), activation(g.at('act_1'), 'silu', first), { in: out, out });
}
