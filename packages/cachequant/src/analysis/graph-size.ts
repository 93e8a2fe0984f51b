import type { OnnxModel, Weight } from '@cachequant/onnx';
import { elementCount } from '@cachequant/tensor';

export interface GraphSize {
  readonly nodes: number;
  /** Elements of all floating-point weights. */
  readonly parameters: number;
  /** Bytes of all weights, in the file and beside it. */
  readonly weightBytes: number;
}

const FLOATS: ReadonlySet<string | null> = new Set(['float32', 'float64', 'float16', 'bfloat16']);

export function graphSize({ graph }: OnnxModel): GraphSize {
  const weights = [...graph.initializers.values()];
  const parameters = weights.filter(({ dtype }) => FLOATS.has(dtype));
  return {
    nodes: graph.nodes.length,
    parameters: parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0),
    weightBytes: weights.reduce((sum, weight) => sum + byteLength(weight), 0),
  };
}

function byteLength({ data }: Weight): number {
  return data.kind === 'bytes' ? data.bytes.byteLength : data.length;
}
