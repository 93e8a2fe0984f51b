import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { convolution } from './convolution.js';

/** Twice the height and width, or those of `like`, by repeating pixels. */
export function enlarge(g: Scope, image: Tensor, like?: Tensor): Tensor {
  const attributes = {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  };
  if (like === undefined) return g.node('Resize', [image, '', g.floats([4], [1, 1, 2, 2])], attributes);
  return g.node('Resize', [image, '', '', g.shape(like, 2, 4)], { ...attributes, axes: [2, 3] });
}

/** Enlarges, then convolves. */
export function upsample(g: Scope, image: Tensor, channels: number, like?: Tensor): Tensor {
  return convolution(g.at('conv'), enlarge(g, image, like), { in: channels, out: channels });
}

/** Half the height and width by a convolution; without padding, a row and a column of zeros are added at the end. */
export function downsample(g: Scope, image: Tensor, channels: number, padding: number): Tensor {
  return convolution(g.at('conv'), image, {
    in: channels,
    out: channels,
    stride: 2,
    padding: padding === 0 ? [0, 0, 1, 1] : padding,
  });
}

/** Half the height and width by averaging. */
export function shrink(g: Scope, image: Tensor): Tensor {
  return g.node('AveragePool', [image], { kernel_shape: [2, 2], strides: [2, 2] });
}
