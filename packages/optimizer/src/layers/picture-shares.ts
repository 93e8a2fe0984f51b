import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import type { LayerTimes } from './decision.js';
import type { CachedPart, LayerExperiment } from './layer-experiment.js';

/** Integer kernels take four products in the place of one. What a profile shows beyond is time of other operators. */
const MOST_TIMES = 4;

/**
 * What layers take in float beyond what they take in integers, as a share of the time of a picture: a layer behind the
 * cut runs at every call, others at refreshes alone. The whole is the layers' own time, which errs on the side of speed.
 *
 * @param times where there are none, since another runtime will compute the layers, multiply-adds stand for them
 */
export function pictureShares(
  { graph, cachedPart, context }: Pick<LayerExperiment, 'graph' | 'cachedPart' | 'context'>,
  ids: readonly string[],
  times: Readonly<Record<string, LayerTimes>>,
): (id: string) => number {
  const { interval } = context.recipe;
  const callsOf = (id: string) => (cachedPart.ids.has(id) ? interval : 1);
  const whole = 1 + (interval - 1) * cachedPart.share;
  const integerMs = (id: string) => times[id]?.integerMs ?? graph.layerMacs.get(id) ?? 0;
  const floatMs = (id: string) => times[id]?.floatMs ?? 2 * integerMs(id);
  const total = ids.reduce((sum, id) => sum + integerMs(id), 0);
  return (id) => {
    const extra = Math.min(floatMs(id), MOST_TIMES * integerMs(id)) - integerMs(id);
    return total > 0 ? (Math.max(extra, 0) * callsOf(id)) / (total * whole) : 0;
  };
}

/** What of the full graph cached calls compute. */
export function cachedPartOf({ full, cached }: Pick<DenoiserGraphs, 'full' | 'cached'>): CachedPart {
  return {
    ids: new Set(cached.layers.map(({ id }) => id)),
    share: full.totalMacs > 0 ? cached.totalMacs / full.totalMacs : 0,
  };
}
