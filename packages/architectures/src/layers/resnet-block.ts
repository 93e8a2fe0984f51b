import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type ActivationName, activation } from './activation.js';
import { convolution } from './convolution.js';
import { linear } from './linear.js';
import { groupNorm } from './normalization.js';
import { enlarge, shrink } from './resampling.js';

/** What all residual blocks of a model have in common. */
export interface ResnetStyle {
  readonly groups: number;
  readonly eps: number;
  readonly act: ActivationName;
  /** The embedding [B, channels] of time and other conditions; undefined in autoencoders. */
  readonly embedding: { readonly value: Tensor; readonly channels: number } | undefined;
  /** The embedding scales and shifts after the second normalization, instead of being added before it. */
  readonly scaleShift: boolean;
  /** What the sum of both branches is divided by. */
  readonly outputScale: number;
}

export interface ResnetOptions {
  readonly in: number;
  readonly out: number;
  /** Resamples both branches. */
  readonly resample?: 'up' | 'down';
  /** The size to resample to. */
  readonly like?: Tensor | undefined;
}

/** A residual block: [B, in, H, W] → [B, out, H, W]. Source: He et al., 2016, in the form of Ho et al., 2020 */
export function resnetBlock(g: Scope, x: Tensor, style: ResnetStyle, options: ResnetOptions): Tensor {
  const { groups, eps, act, outputScale } = style;
  const { out } = options;
  const resampled = (image: Tensor) => resample(g, image, options);
  const first = activation(
    g.at('nonlinearity'),
    act,
    groupNorm(g.at('norm1'), x, { channels: options.in, groups, eps }),
  );
  const hidden = convolution(g.at('conv1'), resampled(first), { in: options.in, out });
  const modulated = modulate(g, hidden, style, out);
  const second = activation(g.at('nonlinearity'), act, modulated);
  const branch = convolution(g.at('conv2'), second, { in: out, out });
  const straight = resampled(x);
  const shortcut =
    options.in === out
      ? straight
      : convolution(g.at('conv_shortcut'), straight, { in: options.in, out, kernel: 1 });
  const sum = g.add(shortcut, branch);
  return outputScale === 1 ? sum : g.node('Div', [sum, g.scalar(outputScale)]);
}

function resample(g: Scope, image: Tensor, { resample, like }: ResnetOptions): Tensor {
  if (resample === undefined) return image;
  return resample === 'up' ? enlarge(g, image, like) : shrink(g, image);
}

/** The second normalization, and what the embedding adds before or does after it. */
function modulate(g: Scope, x: Tensor, style: ResnetStyle, channels: number): Tensor {
  const { embedding, scaleShift, groups, eps, act } = style;
  const normalized = (image: Tensor) => groupNorm(g.at('norm2'), image, { channels, groups, eps });
  if (embedding === undefined) return normalized(x);
  // Every block of the model activates the same embedding.
  const active = g.assembly.once(`${act} of ${embedding.value}`, () =>
    activation(g.at('nonlinearity'), act, embedding.value),
  );
  const width = scaleShift ? 2 * channels : channels;
  const projected = (start: number) =>
    g.unsqueeze(
      linear(g.at('time_emb_proj'), active, {
        in: embedding.channels,
        out: width,
        rows: { start, count: channels },
      }),
      2,
      3,
    );
  if (!scaleShift) return normalized(g.add(x, projected(0)));
  const scaled = g.multiply(normalized(x), g.add(projected(0), g.scalar(1)));
  return g.add(scaled, projected(channels));
}
