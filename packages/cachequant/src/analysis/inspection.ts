import { type CutCandidate, describeUnknownOperators } from '@cachequant/onnx';
import type { TensorInfo } from '@cachequant/tensor';
import type { InspectedGraph } from './analysed-graph.js';
import type { GraphSize } from './graph-size.js';
import { type PlannedLayer, planLayers } from './planned-layers.js';

/** What `inspect` says of a graph. */
export interface GraphInspection extends GraphSize {
  readonly opset: number;
  readonly inputs: readonly (DeclaredTensor & {
    /** At which the graph was analysed. */
    readonly analysedDims: readonly number[] | null;
  })[];
  readonly outputs: readonly DeclaredTensor[];
  /** At those sizes. */
  readonly multiplyAdds: number;
  /** Operators whose arithmetic is not among them, with how often each comes. */
  readonly notCounted: Readonly<Record<string, number>>;
  readonly cuts: readonly CutCandidate[];
  readonly layers: readonly PlannedLayer[];
  /** Why the graph cannot be looked through; null where it can. */
  readonly problem: string | null;
}

interface DeclaredTensor {
  readonly name: string;
  readonly dtype: TensorInfo['dtype'] | null;
  readonly dims: TensorInfo['dims'] | null;
}

export function inspectGraph(analysed: InspectedGraph): GraphInspection {
  const { model, size, inputs, inputDims, cuts, multiplyAdds, notCounted } = analysed;
  const unknown = describeUnknownOperators(model);
  const declared = ({ name, dtype, dims }: (typeof inputs)[number]) => ({ name, dtype, dims: dims ?? null });
  return {
    ...size,
    opset: model.opsetImports.get('') ?? 1,
    inputs: inputs.map((input) => ({ ...declared(input), analysedDims: inputDims[input.name] ?? null })),
    outputs: model.graph.outputs.map(declared),
    multiplyAdds,
    notCounted: Object.fromEntries(notCounted),
    cuts,
    layers: planLayers(analysed),
    problem: unknown ? `${unknown.got}. ${unknown.hint}` : null,
  };
}
