import type { Dim, OnnxNode } from '../model.js';
import { getInt, getInts, getString } from '../node.js';
import { shapeError } from './rule.js';

/** The attributes that convolutions and pools share, one entry per spatial axis. */
export interface WindowAttributes {
  readonly strides: number[];
  readonly dilations: number[];
  /** All the beginnings, then all the ends. */
  readonly pads: number[];
  readonly autoPad: string;
}

export function windowAttributes(node: OnnxNode, axes: number): WindowAttributes {
  const ones = new Array<number>(axes).fill(1);
  const attributes = {
    strides: getInts(node, 'strides', ones),
    dilations: getInts(node, 'dilations', ones),
    pads: getInts(node, 'pads', new Array<number>(2 * axes).fill(0)),
    autoPad: getString(node, 'auto_pad', 'NOTSET'),
  };
  const lengths = [attributes.strides.length, attributes.dilations.length, attributes.pads.length / 2];
  if (lengths.some((length) => length !== axes)) {
    throw shapeError(
      node,
      'strides, dilations or pads do not fit the kernel',
      `${axes} spatial axes`,
      `[${lengths}]`,
    );
  }
  return attributes;
}

/** Length of one spatial axis after a convolution or a pool (https://onnx.ai/onnx/operators/onnx__AveragePool.html). */
export function slideWindow(
  node: OnnxNode,
  axis: number,
  length: Dim,
  kernel: Dim,
  { strides, dilations, pads, autoPad }: WindowAttributes,
): Dim {
  const stride = strides[axis]!;
  if (autoPad.startsWith('SAME')) {
    if (typeof length === 'number') return Math.ceil(length / stride);
    return stride === 1 ? length : null;
  }
  if (typeof kernel !== 'number') return null;
  const before = autoPad === 'VALID' ? 0 : pads[axis]!;
  const padding = autoPad === 'VALID' ? 0 : before + pads[axis + strides.length]!;
  const reach = (kernel - 1) * dilations[axis]! + 1;
  if (typeof length !== 'number') return stride === 1 && padding === reach - 1 ? length : null;
  const room = length + padding - reach;
  if (room < 0) {
    throw shapeError(
      node,
      'the kernel is larger than its input',
      `${reach} or more on spatial axis ${axis}`,
      `${length + padding}`,
    );
  }
  if (getInt(node, 'ceil_mode', 0) === 0) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  return (count - 1) * stride >= length + before ? count - 1 : count;
}

/** Length of one spatial axis after a transposed convolution. */
export function spreadWindow(
  node: OnnxNode,
  axis: number,
  length: Dim,
  kernel: Dim,
  { strides, dilations, pads, autoPad }: WindowAttributes,
): Dim {
  const given = getInts(node, 'output_shape', []);
  if (given.length > 0) return given[given.length - strides.length + axis] ?? null;
  const stride = strides[axis]!;
  if (autoPad.startsWith('SAME')) return typeof length === 'number' ? length * stride : null;
  if (typeof length !== 'number' || typeof kernel !== 'number') return null;
  const padding = autoPad === 'VALID' ? 0 : pads[axis]! + pads[axis + strides.length]!;
  const extra = getInts(node, 'output_padding', [])[axis] ?? 0;
  return stride * (length - 1) + extra + (kernel - 1) * dilations[axis]! + 1 - padding;
}
