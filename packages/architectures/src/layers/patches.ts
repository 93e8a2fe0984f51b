import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { convolution } from './convolution.js';
import { type ImageTokens, imageToTokens } from './tokens.js';

export interface PatchOptions {
  /** Height and width of a patch. */
  readonly size: number;
  readonly in: number;
  readonly out: number;
}

/** Cuts images [B, C, H, W] into patches and projects each: tokens [B, H/p · W/p, out]. */
export function patchTokens(g: Scope, image: Tensor, { size, in: channels, out }: PatchOptions): ImageTokens {
  const options = { in: channels, out, kernel: size, stride: size, padding: 0 };
  return imageToTokens(g, convolution(g.at('proj'), image, options), out);
}

/** Puts patches [B, h · w, p · p · C] together again: [B, C, h · p, w · p]. @param grid the tokens on [B, h, w, …] */
export function imageOfPatches(
  g: Scope,
  tokens: Tensor,
  grid: Tensor,
  { size, channels }: { readonly size: number; readonly channels: number },
): Tensor {
  const places = g.concat(0, g.shape(grid, 0, 3), g.ints(size, size, channels));
  const apart = g.transpose(g.node('Reshape', [tokens, places]), 0, 5, 1, 3, 2, 4);
  const sides = g.multiply(g.shape(grid, 1, 3), g.ints(size));
  return g.node('Reshape', [apart, g.concat(0, g.shape(grid, 0, 1), g.ints(channels), sides)]);
}

export interface SinusoidalGridOptions {
  readonly channels: number;
  /** Places in a row of the grid that the model was trained on; larger and smaller grids are fitted into it. */
  readonly base: number;
  /** What places are divided by. */
  readonly scale: number;
}

/**
 * Sines and cosines of the places of a grid [B, h, w, …]: [1, h · w, channels], the columns' first.
 * Source: Peebles and Xie, 2023, https://arxiv.org/abs/2212.09748, in the form of its code
 */
export function sinusoidalGrid(g: Scope, grid: Tensor, options: SinusoidalGridOptions): Tensor {
  const half = options.channels / 2;
  const rows = sinusoidsAlong(g, g.shape(grid, 1, 2), options);
  const columns = sinusoidsAlong(g, g.shape(grid, 2, 3), options);
  const whole = g.concat(0, g.shape(grid, 1, 3), g.ints(half));
  const spread = [g.unsqueeze(columns, 0), g.unsqueeze(rows, 1)].map((axis) =>
    g.node('Expand', [axis, whole]),
  );
  return g.reshape(g.concat(-1, ...spread), 1, -1, options.channels);
}

/** Of the places 0 … n − 1: [n, channels / 2]. @param count n, as a list of one */
function sinusoidsAlong(g: Scope, count: Tensor, { channels, base, scale }: SinusoidalGridOptions): Tensor {
  const quarter = channels / 4;
  const frequencies = Array.from({ length: quarter }, (_, i) => 1 / 10000 ** (i / quarter));
  const n = g.node('Squeeze', [count, g.ints(0)]);
  const [zero, one] = [0, 1].map((value) => g.assembly.constant('int64', [], [value])) as [Tensor, Tensor];
  const places = g.node('Cast', [g.node('Range', [zero, n, one])], { to: 1 });
  const scaled = g.node('Div', [g.multiply(places, g.scalar(base / scale)), g.node('Cast', [n], { to: 1 })]);
  const phases = g.multiply(g.unsqueeze(scaled, 1), g.floats([1, quarter], frequencies));
  return g.concat(-1, g.node('Sin', [phases]), g.node('Cos', [phases]));
}

/**
 * The middle of a stored table of places, as large as the grid [B, h, w, …]: [1, h · w, channels].
 * @param side places in a row of the table
 */
export function storedGrid(g: Scope, grid: Tensor, side: number, channels: number): Tensor {
  const table = g.parameter('pos_embed', [1, side * side, channels], { seenAs: [side, side, channels] });
  const sizes = g.shape(grid, 1, 3);
  const start = g.node('Div', [g.node('Sub', [g.ints(side), sizes]), g.ints(2)]);
  const middle = g.node('Slice', [table, start, g.add(start, sizes), g.ints(0, 1)]);
  return g.reshape(middle, 1, -1, channels);
}
