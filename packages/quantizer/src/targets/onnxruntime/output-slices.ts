import { type GraphIndex, getInt, type OnnxNode, type TensorFacts } from '@cachequant/onnx';
import type { Layer } from '../../layers.js';

type Shapes = ReadonlyMap<string, TensorFacts>;

/** A range of a layer's output channels that has a tensor of its own. */
export interface OutputSlice {
  readonly output: string;
  readonly start: number;
  readonly end: number;
}

/** What takes a layer's output apart, and into which pieces. */
export interface OutputSlices {
  readonly nodes: readonly OnnxNode[];
  readonly pieces: readonly OutputSlice[];
}

/**
 * The pieces that a layer's output is taken apart into along its channels, where nothing reads it whole: such as
 * value and gate of a gated feed-forward layer. Each piece can then be a product of its own, and nothing is copied.
 * @returns undefined where the output is read in any other way
 */
export function outputSlices(index: GraphIndex, layer: Layer, shapes: Shapes): OutputSlices | undefined {
  const nodes = index.consumers(layer.output);
  const exposed = index.graph.outputs.some(({ name }) => name === layer.output);
  if (nodes.length === 0 || exposed) return undefined;
  const found = nodes.map((node) => splitPieces(node, layer, shapes) ?? slicedPiece(node, layer, shapes));
  if (found.some((each) => each === undefined)) return undefined;
  const pieces = found.flatMap((each) => each!);
  return pieces.length > 1 ? { nodes, pieces } : undefined;
}

function splitPieces(
  node: OnnxNode,
  { output, outputChannels }: Layer,
  shapes: Shapes,
): OutputSlice[] | undefined {
  if (node.opType !== 'Split' || node.domain !== '' || node.inputs[0] !== output) return undefined;
  const rank = shapes.get(output)?.dims?.length;
  const axis = getInt(node, 'axis', 0);
  if (rank === undefined || (axis !== -1 && axis !== rank - 1)) return undefined;
  const pieces: OutputSlice[] = [];
  let start = 0;
  for (const name of node.outputs) {
    const width = shapes.get(name)?.dims?.at(-1);
    if (typeof width !== 'number') return undefined;
    pieces.push({ output: name, start, end: start + width });
    start += width;
  }
  return start === outputChannels ? pieces : undefined;
}

function slicedPiece(node: OnnxNode, layer: Layer, shapes: Shapes): OutputSlice[] | undefined {
  if (node.opType !== 'Slice' || node.domain !== '' || node.inputs[0] !== layer.output) return undefined;
  const [, starts, ends, axes, steps] = node.inputs.map((name) => shapes.get(name)?.values);
  const rank = shapes.get(layer.output)?.dims?.length;
  const axis = axes?.[0];
  const alongChannels = axes?.length === 1 && (axis === -1 || axis === Number(rank) - 1);
  const whole = node.inputs.length < 5 || steps?.[0] === 1;
  if (!alongChannels || !whole) return undefined;
  const [start, end] = [starts?.[0], ends?.[0]];
  if (typeof start !== 'number' || typeof end !== 'number' || start < 0 || end <= start) return undefined;
  return [{ output: node.outputs[0]!, start, end: Math.min(end, layer.outputChannels) }];
}
