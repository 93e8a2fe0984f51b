import {
  type CutCandidate,
  countMultiplyAdds,
  findCutsInPieces,
  inferShapes,
  type OnnxModel,
  readModel,
  type TensorFacts,
  type ValueInfo,
  widenWeights,
} from '@cachequant/onnx';
import { finishUnlessAborted, type Storage, takeTurns } from '@cachequant/tensor';
import { type GraphSize, graphSize } from './graph-size.js';
import { analysisDims, feedInputs, type SizeHints } from './input-dims.js';

/** A graph with fixed sizes, and what follows from them. */
export interface InspectedGraph {
  /** With its weights in float32. */
  readonly model: OnnxModel;
  /** As it is stored. */
  readonly size: GraphSize;
  readonly inputs: readonly ValueInfo[];
  /** By input. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
  readonly shapes: ReadonlyMap<string, TensorFacts>;
  /** The best first. */
  readonly cuts: readonly CutCandidate[];
  /** At these sizes. */
  readonly multiplyAdds: number;
  /** Operators whose arithmetic is not among them, with how often each comes. */
  readonly notCounted: ReadonlyMap<string, number>;
  readonly multiplyAddsOf: (node: OnnxModel['graph']['nodes'][number]) => number;
}

export interface AnalysisOptions {
  readonly hints: SizeHints;
  readonly dims?: Readonly<Record<string, readonly number[]>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads a graph and looks at it, without running it. */
export async function analyseGraph(
  storage: Storage,
  path: string,
  { hints, dims, signal }: AnalysisOptions,
): Promise<InspectedGraph> {
  const stored = await readModel(storage, path, { ...(signal && { signal }) });
  const model = widenWeights(stored);
  const inputDims = analysisDims(model.graph, hints, dims);
  await takeTurns(signal);
  const shapes = inferShapes(model, { inputDims });
  await takeTurns(signal);
  // Cuts and plans are for graphs that are looked through; what a graph of fusions computes is counted all the same.
  const arithmetic = countMultiplyAdds(model, inferShapes(model, { inputDims, fused: true }));
  return {
    model,
    size: graphSize(stored),
    inputs: feedInputs(model.graph),
    inputDims,
    shapes,
    cuts: await finishUnlessAborted(findCutsInPieces(model, { inputDims }), signal),
    multiplyAdds: arithmetic.total,
    notCounted: arithmetic.notCounted,
    multiplyAddsOf: (node) => arithmetic.byNode.get(node)?.macs ?? 0,
  };
}
