import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type ActivationName, activation } from './activation.js';
import { linear } from './linear.js';

export interface SinusoidOptions {
  readonly channels: number;
  /** Cosines first. */
  readonly cosineFirst: boolean;
  readonly frequencyShift?: number;
  readonly scale?: number;
}

/**
 * Sines and cosines of times [N] at falling frequencies: [N, channels].
 * Source: Ho, Jain and Abbeel, 2020, https://arxiv.org/abs/2006.11239, in the form of its code
 */
export function sinusoids(g: Scope, times: Tensor, options: SinusoidOptions): Tensor {
  const { channels, cosineFirst, frequencyShift = 0, scale = 1 } = options;
  const half = channels >> 1;
  const rate = Math.fround(-Math.log(10000));
  const frequencies = Array.from({ length: half }, (_, i) =>
    Math.fround(Math.exp(Math.fround(Math.fround(rate * i) / (half - frequencyShift)))),
  );
  const phases = g.multiply(g.unsqueeze(times, 1), g.floats([1, half], frequencies));
  const scaled = scale === 1 ? phases : g.multiply(phases, g.scalar(scale));
  const [sine, cosine] = [g.node('Sin', [scaled]), g.node('Cos', [scaled])];
  const both = cosineFirst ? [cosine, sine] : [sine, cosine];
  return channels % 2 === 0
    ? g.concat(-1, ...both)
    : g.node('Pad', [g.concat(-1, ...both), g.ints(0, 0, 0, 1)]);
}

/**
 * Sines and cosines of the logarithm of noise levels [N] at frequencies that are parameters: [N, 2 · channels].
 * Source: Tancik et al., 2020, https://arxiv.org/abs/2006.10739
 */
export function fourierFeatures(g: Scope, levels: Tensor, channels: number): Tensor {
  const frequencies = g.parameter('weight', [channels]);
  const phases = g.multiply(g.unsqueeze(g.node('Log', [levels]), 1), frequencies);
  const turned = g.multiply(phases, g.scalar(2 * Math.PI));
  return g.concat(-1, g.node('Sin', [turned]), g.node('Cos', [turned]));
}

export interface TimeEmbeddingOptions {
  readonly in: number;
  readonly out: number;
  readonly act?: ActivationName;
  /** A second activation, at the end. */
  readonly postAct?: ActivationName | undefined;
  /** [B, channels], is projected and added first. */
  readonly condition?: { readonly value: Tensor; readonly channels: number } | undefined;
}

/** Two linear layers with an activation between: [N, in] → [N, out]. */
export function timeEmbedding(g: Scope, features: Tensor, options: TimeEmbeddingOptions): Tensor {
  const { out, act = 'silu', postAct, condition } = options;
  const input =
    condition === undefined
      ? features
      : g.add(
          features,
          linear(g.at('cond_proj'), condition.value, {
            in: condition.channels,
            out: options.in,
            bias: false,
          }),
        );
  const hidden = activation(g.at('act'), act, linear(g.at('linear_1'), input, { in: options.in, out }));
  const embedding = linear(g.at('linear_2'), hidden, { in: out, out });
  return postAct === undefined ? embedding : activation(g.at('post_act'), postAct, embedding);
}
