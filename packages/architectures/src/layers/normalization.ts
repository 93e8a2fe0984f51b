import { float } from '@cachequant/onnx';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';

export interface GroupNormOptions {
  readonly channels: number;
  readonly groups: number;
  readonly eps: number;
}

/** Normalizes groups of channels of images [B, C, H, W]. Source: Wu and He, 2018, https://arxiv.org/abs/1803.08494 */
export function groupNorm(g: Scope, x: Tensor, { channels, groups, eps }: GroupNormOptions): Tensor {
  const ones = g.floats([groups], Array(groups).fill(1));
  const zeros = g.floats([groups], Array(groups).fill(0));
  const grouped = g.reshape(x, 0, groups, -1);
  const normalized = g.node('InstanceNormalization', [grouped, ones, zeros], { epsilon: float(eps) });
  const image = g.node('Reshape', [normalized, g.shape(x)]);
  const seenAs = [channels, 1, 1];
  const scaled = g.multiply(image, g.parameter('weight', [channels], { seenAs }));
  return g.add(scaled, g.parameter('bias', [channels], { seenAs }));
}

export interface LayerNormOptions {
  readonly channels: number;
  readonly eps?: number;
  /** Whether it has a weight and a bias of its own. */
  readonly affine?: boolean;
}

/** Normalizes the last axis. Source: Ba, Kiros and Hinton, 2016, https://arxiv.org/abs/1607.06450 */
export function layerNorm(
  g: Scope,
  x: Tensor,
  { channels, eps = 1e-5, affine = true }: LayerNormOptions,
): Tensor {
  const inputs = affine
    ? [x, g.parameter('weight', [channels]), g.parameter('bias', [channels])]
    : [x, g.floats([channels], Array(channels).fill(1))];
  return g.node('LayerNormalization', inputs, { axis: -1, epsilon: float(eps) });
}
/** x / sqrt(mean(x²) + eps) · weight, over the last axis. Source: Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467 */
export function rmsNorm(
  g: Scope,
  x: Tensor,
  { channels, eps }: { readonly channels: number; readonly eps: number },
): Tensor {
  const squares = g.node('Pow', [x, g.scalar(2)]);
  const mean = g.node('ReduceMean', [squares, g.ints(-1)], { keepdims: 1 });
  const root = g.node('Sqrt', [g.add(mean, g.scalar(eps))]);
  return g.multiply(g.node('Div', [x, root]), g.parameter('weight', [channels]));
}
