import type { OnnxModel } from '@cachequant/onnx';

/**
 * A graph of another size with its weights where those of the first size lie. Only what is a weight of the source in both
 * is shared; what was computed for a size, such as positions, is its own.
 * @param main the graph of the first size, whose large weights are in files of the work folder
 * @param source the model that both were cut from
 */
export function withSharedWeights(model: OnnxModel, main: OnnxModel, source: OnnxModel): OnnxModel {
  const initializers = new Map(model.graph.initializers);
  for (const [name, weight] of initializers) {
    const placed = main.graph.initializers.get(name)?.data;
    const isSource = source.graph.initializers.get(name)?.data === weight.data;
    if (isSource && placed?.kind === 'external') initializers.set(name, { ...weight, data: placed });
  }
  return { ...model, graph: { ...model.graph, initializers } };
}
