import { excludeReason } from '@cachequant/quantizer';
import { CacheQuantError } from '@cachequant/tensor';
import { type DecisionRecord, wrongRecord } from '../decision-record.js';
import type { Format } from '../format.js';
import type { AnalyzedGraph, DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import type { LayerChoice, LayerDecision, LayerTimes } from './decision.js';

/**
 * Decides for every layer of the full graph whether it can run in integers.
 * @param keepFloat parts of layer ids, for example "time_embedding"
 * @throws CacheQuantError `invalid-argument` for a part that no layer's id has
 */
export function planLayers(
  { full }: Pick<DenoiserGraphs, 'full'>,
  keepFloat: readonly string[],
): LayerDecision[] {
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
    const reason = excludeReason(full.model.graph, full.shapes, layer);
    if (reason === undefined) return decide('integer', 'int8', '');
    return decide('float', reason === 'too few rows to gain' ? 'int8' : 'float32', reason);
  });
}

/** What the measurements make of a plan; a layer's numbers go with its decision. */
export function settleLayers(
  decisions: readonly LayerDecision[],
  {
    times,
    errors,
    choice,
  }: {
    readonly times: Readonly<Record<string, LayerTimes>>;
    readonly errors: Readonly<Record<string, number>>;
    readonly choice: LayerChoice;
  },
): LayerDecision[] {
  return decisions.map((decision) => {
    const { id } = decision;
    if (errors[id] === undefined) return decision;
    const networkDb = choice.noisiest.find((layer) => layer.id === id)?.networkDb;
    const measured = { sqnr: errors[id], ...times[id], ...(networkDb !== undefined && { networkDb }) };
    if (choice.slow.includes(id))
      return { ...decision, compute: 'float', storage: 'int8', reason: 'slower in integers', measured };
    if (!choice.sensitive.includes(id)) return { ...decision, measured };
    const storage = choice.sensitiveStored ? 'int8' : 'float32';
    return { ...decision, compute: 'float', storage, reason: 'sensitive to rounding', measured };
  });
}

/**
 * The decisions of a plan that was given, for a graph with the same layers.
 * @throws CacheQuantError `invalid-argument` when the layers are others
 */
export function plannedLayers({ full }: DenoiserGraphs, { layers }: DecisionRecord): LayerDecision[] {
  const missing = full.layers.find(({ id }, i) => layers[i]?.id !== id);
  if (missing) throw wrongRecord('plan, layers', 'the plan lacks a layer of the model', missing.id);
  const [extra] = layers.slice(full.layers.length);
  if (extra)
    throw wrongRecord('plan, layers', 'the plan has a layer that the model lacks', undefined, extra.id);
  return [...layers];
}

function requireKnown({ layers }: AnalyzedGraph, keepFloat: readonly string[]): void {
  const unknown = keepFloat.find((part) => !layers.some(({ id }) => id.includes(part)));
  if (unknown === undefined) return;
  throw new CacheQuantError('invalid-argument', 'no layer has this name', {
    where: 'option keepFloat',
    expected: `parts of layer names such as ${layers[0]?.id}`,
    got: unknown,
  });
}

/**
 * With 4-bit weights, the layers that compute in integers store theirs so. The first and the last layer stay in
 * float, and products of a few vectors, such as those of the timestep, in 8 bits, as without.
 */
export function withFourBits(
  decisions: readonly LayerDecision[],
  format: Format | undefined,
): readonly LayerDecision[] {
  if (format?.weightBits !== 4) return decisions;
  return decisions.map((decision) =>
    decision.compute === 'integer' ? { ...decision, storage: 'int4' } : decision,
  );
}
