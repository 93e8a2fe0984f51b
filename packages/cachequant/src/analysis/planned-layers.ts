import { excludeReason, findLayers, type LayerKind } from '@cachequant/quantizer';
import type { InspectedGraph } from './analysed-graph.js';

/** What becomes of a convolution or linear layer when the model is optimized, and why. */
export interface PlannedLayer {
  readonly id: string;
  readonly kind: LayerKind;
  readonly multiplyAdds: number;
  readonly compute: 'integer' | 'float';
  /** Empty where there is nothing to say. */
  readonly reason: string;
}

/** Plans every layer as `optimize` does without options. */
export function planLayers(analysed: InspectedGraph): PlannedLayer[] {
  return findLayers(analysed.model.graph).map((layer) => {
    const reason = excludeReason(analysed.model.graph, analysed.shapes, layer) ?? '';
    return {
      id: layer.id,
      kind: layer.kind,
      multiplyAdds: analysed.multiplyAddsOf(layer.node),
      compute: reason === '' ? 'integer' : 'float',
      reason,
    };
  });
}
