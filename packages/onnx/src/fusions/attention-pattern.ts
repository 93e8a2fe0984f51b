import type { GraphIndex } from '../analyze/graph-index.js';
import type { OnnxNode } from '../model.js';
import { getInt, getInts } from '../node.js';
import type { TensorFacts } from '../shapes/facts.js';
import { scalarValue } from './scalar-value.js';

type Shapes = ReadonlyMap<string, TensorFacts>;

/** softmax(scale · Q Kᵀ) V over heads, as exporters write it. */
export interface AttentionPattern {
  /** [B, S, H·D] */
  readonly query: string;
  /** [B, L, H·D] */
  readonly key: string;
  /** [B, L, H·V] */
  readonly value: string;
  readonly heads: number;
  readonly scale: number;
  /** Makes the result [B, S, H·V]. */
  readonly end: OnnxNode;
}

/** Finds the attention around a Softmax; undefined where anything differs, such as a mask. */
export function matchAttention(
  index: GraphIndex,
  shapes: Shapes,
  softmax: OnnxNode,
): AttentionPattern | undefined {
  if (softmax.opType !== 'Softmax' || !isLastAxis(shapes, softmax)) return undefined;
  const scaled = throughScale(index, shapes, softmax.inputs[0]!);
  const scores = index.producer(scaled.name);
  const weighted = index.onlyConsumer(softmax.outputs[0]!);
  if (scores?.opType !== 'MatMul' || weighted?.opType !== 'MatMul') return undefined;
  if (weighted.inputs[0] !== softmax.outputs[0]) return undefined;
  const query = operand(index, shapes, scores.inputs[0]!, 'sd');
  const key = operand(index, shapes, scores.inputs[1]!, 'ds');
  const value = operand(index, shapes, weighted.inputs[1]!, 'sd');
  const end = joinedHeads(index, shapes, weighted.outputs[0]!);
  if (!query || !key || !value || !end) return undefined;
  if (query.heads !== key.heads || query.heads !== value.heads || value.scale !== 1) return undefined;
  return {
    query: query.source,
    key: key.source,
    value: value.source,
    heads: query.heads,
    scale: scaled.scale * query.scale * key.scale,
    end,
  };
}

interface Operand {
  readonly source: string;
  readonly heads: number;
  readonly scale: number;
}

/**
 * An operand whose heads were split off by a Reshape, moved to the layout wanted, and perhaps scaled.
 * @param layout of the last two axes, positions (s) and features (d)
 */
function operand(index: GraphIndex, shapes: Shapes, name: string, layout: string): Operand | undefined {
  const moves: OnnxNode[] = [];
  let scale = 1;
  let at = name;
  for (;;) {
    const scaled = throughScale(index, shapes, at);
    scale *= scaled.scale;
    const node = index.producer(scaled.name);
    if (node?.opType !== 'Transpose' && node?.opType !== 'Reshape') return undefined;
    at = node.inputs[0]!;
    const heads = splitHeads(shapes, node);
    if (heads === undefined) {
      moves.unshift(node);
      continue;
    }
    const axes = moves.reduce<Axes | undefined>((before, move) => moved(shapes, before, move), [...'bshd']);
    return axes?.join() === `b,h,${[...layout]}` || axes?.join() === `bh,${[...layout]}`
      ? { source: at, heads, scale }
      : undefined;
  }
}

/** What each axis of a tensor stands for: batch, position, head, feature, or batch and head as one. */
type Axes = readonly string[];

/** Where axes go in a Transpose, or in a Reshape that takes batch and heads as one axis or apart again. */
function moved(shapes: Shapes, axes: Axes | undefined, node: OnnxNode): Axes | undefined {
  if (axes === undefined) return undefined;
  if (node.opType === 'Transpose') return getInts(node, 'perm', []).map((axis) => axes[axis] ?? '');
  const before = shapes.get(node.inputs[0]!)?.dims;
  const after = shapes.get(node.outputs[0]!)?.dims;
  if (!before || !after) return undefined;
  const [longer, shorter] = before.length > after.length ? [before, after] : [after, before];
  const [first, second, ...rest] = longer;
  const joins = Number(first) * Number(second) === shorter[0] && rest.join() === shorter.slice(1).join();
  if (longer.length !== 4 || shorter.length !== 3 || !joins) return undefined;
  if (before === longer) return axes.slice(0, 2).join('') === 'bh' ? ['bh', ...axes.slice(2)] : undefined;
  return axes[0] === 'bh' ? ['b', 'h', ...axes.slice(1)] : undefined;
}

function isLastAxis(shapes: Shapes, softmax: OnnxNode): boolean {
  const axis = getInt(softmax, 'axis', -1);
  return axis === -1 || axis + 1 === shapes.get(softmax.inputs[0]!)?.dims?.length;
}

/** Walks back over products with, and quotients by, a constant number. */
function throughScale(index: GraphIndex, shapes: Shapes, name: string): { name: string; scale: number } {
  const node = index.producer(name);
  if (node?.domain !== '' || (node.opType !== 'Mul' && node.opType !== 'Div')) return { name, scale: 1 };
  const [first, second] = node.inputs as [string, string];
  const factor = scalarValue(index, shapes, second);
  if (factor !== undefined) {
    const before = throughScale(index, shapes, first);
    return { name: before.name, scale: before.scale * (node.opType === 'Mul' ? factor : 1 / factor) };
  }
  const other = node.opType === 'Mul' ? scalarValue(index, shapes, first) : undefined;
  if (other === undefined) return { name, scale: 1 };
  const before = throughScale(index, shapes, second);
  return { name: before.name, scale: before.scale * other };
}

/** The number of heads, for a Reshape of [B, S, H·D] to [B, S, H, D]. */
function splitHeads(shapes: Shapes, node: OnnxNode): number | undefined {
  const before = shapes.get(node.inputs[0]!)?.dims;
  const after = shapes.get(node.outputs[0]!)?.dims;
  if (before?.length !== 3 || after?.length !== 4) return undefined;
  const [, , heads, depth] = after;
  const fits = before[1] === after[1] && typeof heads === 'number' && typeof depth === 'number';
  return fits && before[2] === heads * depth ? heads : undefined;
}

/** The Reshape that joins heads again, behind the layout changes from [B, H, S, V] to [B, S, H, V]. */
function joinedHeads(index: GraphIndex, shapes: Shapes, name: string): OnnxNode | undefined {
  let axes: Axes | undefined = shapes.get(name)?.dims?.length === 3 ? ['bh', 's', 'd'] : ['b', 'h', 's', 'd'];
  for (let at = name; ; ) {
    const node = index.onlyConsumer(at);
    if (node?.opType !== 'Transpose' && node?.opType !== 'Reshape') return undefined;
    if (axes.join() === 'b,s,h,d') return node.opType === 'Reshape' && joins(shapes, node) ? node : undefined;
    axes = moved(shapes, axes, node);
    if (axes === undefined) return undefined;
    at = node.outputs[0]!;
  }
}

/** Whether a Reshape takes [B, S, H, V] to [B, S, H·V]. */
function joins(shapes: Shapes, node: OnnxNode): boolean {
  const [, length, heads, depth] = shapes.get(node.inputs[0]!)?.dims ?? [];
  const joined = shapes.get(node.outputs[0]!)?.dims;
  return joined?.length === 3 && joined[1] === length && joined[2] === Number(heads) * Number(depth);
}
