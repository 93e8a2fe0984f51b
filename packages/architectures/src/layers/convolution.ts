import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';

export interface ConvolutionOptions {
  readonly in: number;
  readonly out: number;
  readonly kernel?: number;
  readonly stride?: number;
  /** On all four sides, or at the top, left, bottom and right. */
  readonly padding?: number | readonly [number, number, number, number];
  readonly bias?: boolean;
}

/** A convolution over images [B, in, H, W] → [B, out, H', W']. */
export function convolution(g: Scope, x: Tensor, options: ConvolutionOptions): Tensor {
  const { kernel = 3, stride = 1, padding = (kernel - 1) >> 1, bias = true } = options;
  const inputs = [x, g.parameter('weight', [options.out, options.in, kernel, kernel])];
  if (bias) inputs.push(g.parameter('bias', [options.out]));
  return g.node('Conv', inputs, {
    dilations: [1, 1],
    group: 1,
    kernel_shape: [kernel, kernel],
    pads: typeof padding === 'number' ? [padding, padding, padding, padding] : padding,
    strides: [stride, stride],
  });
}
