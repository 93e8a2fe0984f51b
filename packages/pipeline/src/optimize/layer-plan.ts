import type { Layer } from '@cachequant/quantizer';
import { CacheQuantError, elementCount } from '@cachequant/tensor';
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

/** Fewer rows than this make a product of a few vectors, where integers cost more than they save. */
const MIN_ROWS = 9;

/**
 * Decides for every layer of the full graph whether it runs in integers.
 *
 * The first and the last convolution stay in float: all of the network's precision passes through their few
 * channels (the reference implementation keeps them at 8 bits even where everything else has 4).
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
    if (isEdge(full, layer)) return decide('float', 'float32', 'first or last layer');
    if (rowsOf(full, layer) < MIN_ROWS) return decide('float', 'int8', 'too few rows to gain');
    return decide('integer', 'int8', '');
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

function isEdge({ model }: StudiedGraph, layer: Layer): boolean {
  const { graph } = model;
  const reads = graph.inputs.some((input) => input.name === layer.input && input.dims?.length === 4);
  return reads || graph.outputs[0]?.name === layer.output;
}

function rowsOf({ shapes }: StudiedGraph, layer: Layer): number {
  const dims = (shapes.get(layer.output)?.dims ?? []).map(Number);
  return elementCount(dims) / layer.outputChannels;
}
