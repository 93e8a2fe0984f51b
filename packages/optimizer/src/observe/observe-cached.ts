import { type ActivationGridTable, ActivationStatistics, OBSERVATIONS_OUTPUT } from '@cachequant/quantizer';
import { SAMPLES_KEPT } from '../graphs/cached-graphs.js';
import type { Laboratory } from '../laboratory.js';
import { observe, replayedFeeds } from './observe.js';
import { anchorFeeds, cachedCalls, type FloatTrajectory, replay } from './trajectory.js';

/** The cached graph with the cache correction of a schedule folded in, and observers. */
export interface ObservedCachedGraph {
  /** Path in the work folder. */
  readonly graph: string;
  readonly refreshSteps: readonly number[];
  /** Tensors whose activations the observers report. */
  readonly sites: readonly string[];
}

/**
 * Activation grids of the cached graph, observed in float on the float trajectory with corrected anchors: what
 * the layers see after the correction, not what they see in the full graph. Where every call is a refresh, the graph
 * never runs; it is observed at the first call, with the features of that call itself.
 */
export function observeCached(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  { graph, refreshSteps, sites }: ObservedCachedGraph,
): Promise<ActivationGridTable> {
  const statistics = new ActivationStatistics(lab.sampler.calls, sites, SAMPLES_KEPT);
  const cached = cachedCalls(lab, refreshSteps);
  return observe(lab, graph, replay(lab, trajectory, cached.length > 0 ? cached : [0]), {
    outputs: [OBSERVATIONS_OUTPUT],
    feeds: replayedFeeds(anchorFeeds(lab, trajectory, refreshSteps)),
    record: (results, { call }) => statistics.record(call.call, results[OBSERVATIONS_OUTPUT]!.data),
    result: () => statistics.grids(),
  });
}
