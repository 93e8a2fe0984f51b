import { floatReason, type Layer } from '@cachequant/quantizer';
import { CacheQuantError } from '@cachequant/tensor';
import type { DenoiserGraphs, StudiedGraph } from './denoiser-graphs.js';

/** What becomes of a layer, and why. */
export interface LayerDecision {
  readonly id: string;
  readonly kind: Layer['kind'];
  readonly macs: number;
  readonly compute: 'integer' | 'float';
  readonly storage: 'int8' | 'float32';
  readonly reason: string;
}

/**
 * Decides for every layer of the full graph whether it runs in integers.
 * @param keepFloat parts of layer ids, for example "time_embedding"
 * @throws CacheQuantError `invalid-argument` for a part that no layer's id has
 */
export function planLayers({ full }: DenoiserGraphs, keepFloat: readonly string[]): LayerDecision[] {
  requireKnown(full, keepFloat);
  return full.layers.map((layer) => {
    const decide = (
      compute: LayerDecision['compute'],
      storage: LayerDecision['storage'],
      reason: string,
    ) => ({
      id: layer.id,
      kind: layer.kind,
      macs: full.layerMacs.get(layer.id) ?? 0,
      compute,
      storage,
      reason,
    });
    if (keepFloat.some((part) => layer.id.includes(part)))
      return decide('float', 'float32', 'kept in float on request');
    const reason = floatReason(full.model.graph, full.shapes, layer);
    if (reason === undefined) return decide('integer', 'int8', '');
    return decide('float', reason === 'too few rows to gain' ? 'int8' : 'float32', reason);
  });
}

function requireKnown({ layers }: StudiedGraph, keepFloat: readonly string[]): void {
  const unknown = keepFloat.find((part) => !layers.some(({ id }) => id.includes(part)));
  if (unknown === undefined) return;
  throw new CacheQuantError('invalid-argument', 'no layer has this name', {
    where: 'option keepFloat',
    expected: `parts of layer names such as ${layers[0]?.id}`,
    got: unknown,
  });
}
