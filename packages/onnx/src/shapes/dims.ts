import type { Dim, OnnxNode } from '../model.js';
import { shapeError, showDims } from './rule.js';

/** Product of the dimensions, or null when one is not a number. */
export function product(dims: readonly Dim[]): number | null {
  let result: number | null = 1;
  for (const dim of dims) {
    if (dim === 0) return 0;
    result = typeof dim === 'number' && result !== null ? result * dim : null;
  }
  return result;
}

/** An axis counted from the front, checked against the rank (`rank` itself is allowed when `inclusive`). */
export function normalizeAxis(node: OnnxNode, axis: number, rank: number, inclusive = false): number {
  const last = inclusive ? rank : rank - 1;
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(normalized) || normalized < 0 || normalized > last) {
    throw shapeError(node, 'the axis is outside the tensor', `an axis of a rank-${rank} tensor`, `${axis}`);
  }
  return normalized;
}

export function checkRank(node: OnnxNode, dims: readonly Dim[], atLeast: number): void {
  if (dims.length < atLeast) {
    throw shapeError(node, 'the tensor has too few axes', `rank ${atLeast} or more`, showDims(dims));
  }
}

/** The dimension that two tensors share on an axis, keeping what is known best. */
export function unify(node: OnnxNode, a: Dim | undefined, b: Dim | undefined, what: string): Dim {
  if (typeof a === 'number' && typeof b === 'number' && a !== b) {
    throw shapeError(node, `the ${what} differ`, `${a}`, `${b}`);
  }
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return a ?? b ?? null;
}

function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === 1) return b;
  if (b === 1 || a === b) return a;
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a;
  return typeof b === 'number' ? b : null;
}

/**
 * The shape of an elementwise result (numpy's broadcasting, https://onnx.ai/onnx/repo-docs/Broadcasting.html).
 * @returns undefined when a rank is unknown
 * @throws CacheQuantError `shape` when two fixed dimensions do not go together
 */
export function broadcast(node: OnnxNode, shapes: readonly (Dim[] | undefined)[]): Dim[] | undefined {
  let result: Dim[] = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    const rank = Math.max(result.length, shape.length);
    const left = padFront(result, rank);
    const right = padFront(shape, rank);
    result = left.map((dim, axis) => {
      const merged = broadcastDim(dim, right[axis]!);
      if (merged === undefined) {
        throw shapeError(node, 'the shapes do not broadcast', showDims(left), showDims(right));
      }
      return merged;
    });
  }
  return result;
}

function padFront(dims: readonly Dim[], rank: number): Dim[] {
  return [...new Array<Dim>(rank - dims.length).fill(1), ...dims];
}

/** Fills a tensor of `dims` from another, given where each output index comes from. */
export function mapElements<T>(dims: readonly number[], read: (index: readonly number[]) => T): T[] {
  const count = dims.reduce((total, dim) => total * dim, 1);
  const index = new Array<number>(dims.length).fill(0);
  const result: T[] = [];
  for (let position = 0; position < count; position++) {
    result.push(read(index));
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < dims[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

/** Row-major position of an index; an axis of length 1 is read at 0, as broadcasting does. */
export function flatIndex(dims: readonly number[], index: readonly number[]): number {
  const skip = index.length - dims.length;
  return dims.reduce((flat, dim, axis) => flat * dim + (dim === 1 ? 0 : index[axis + skip]!), 0);
}
