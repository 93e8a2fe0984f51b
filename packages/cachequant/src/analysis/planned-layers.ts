import { findLayers, type Layer, type LayerKind } from '@cachequant/quantizer';
import { elementCount } from '@cachequant/tensor';
import type { AnalysedGraph } from './analysed-graph.js';

/** What becomes of a convolution or linear layer when the model is optimized, and why. */
export interface PlannedLayer {
  readonly id: string;
  readonly kind: LayerKind;
  readonly multiplyAdds: number;
  readonly compute: 'integer' | 'float';
  /** Empty where there is nothing to say. */
  readonly reason: string;
}

/** Fewer rows than this make a product of a few vectors, where integers cost more than they save. */
const MIN_ROWS = 9;

/** Plans every layer as `optimize` does without options. */
export function planLayers(analysed: AnalysedGraph): PlannedLayer[] {
  return findLayers(analysed.model.graph).map((layer) => {
    const reason = floatReason(analysed, layer);
    return {
      id: layer.id,
      kind: layer.kind,
      multiplyAdds: analysed.multiplyAddsOf(layer.node),
      compute: reason === '' ? 'integer' : 'float',
      reason,
    };
  });
}

function floatReason({ model, inputs, shapes }: AnalysedGraph, layer: Layer): string {
  const readsSample = inputs.some(({ name, dims }) => name === layer.input && dims?.length === 4);
  if (readsSample || model.graph.outputs[0]?.name === layer.output) return 'first or last layer';
  const dims = (shapes.get(layer.output)?.dims ?? []).map(Number);
  return elementCount(dims) / layer.outputChannels < MIN_ROWS ? 'too few rows to gain' : '';
}
