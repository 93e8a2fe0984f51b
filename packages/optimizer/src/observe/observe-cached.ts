import { type ActivationGridTable, ActivationStatistics, OBSERVATIONS_OUTPUT } from '@cachequant/quantizer';
import type { CalibrationContext } from '../calibration-context.js';
import { SAMPLES_KEPT } from '../graphs/cached-graphs.js';
import { observe, replayedFeeds } from './observe.js';
import { anchorFeeds, cachedCalls, type FloatTrajectory, replay } from './trajectory.js';

/** The cached graph with the cache correction of a schedule folded in, and observers. */
export interface ObservedCachedGraph {
  /** Path in the work folder. */
  readonly graph: string;
  readonly refreshCalls: readonly number[];
  /** Also at the refreshes but the first, as if they were none: for schedules that are not known yet. */
  readonly everyCall?: boolean;
  /** Tensors whose activations the observers report. */
  readonly sites: readonly string[];
}

/**
 * Activation grids of the cached graph, observed in float on the float trajectory with corrected anchors: what
 * the layers see after the correction, not what they see in the full graph. Where every call is a refresh, the graph
 * never runs; it is observed at the first call, with the features of that call itself.
 */
export function observeCached(
  context: CalibrationContext,
  trajectory: FloatTrajectory,
  { graph, refreshCalls, everyCall = false, sites }: ObservedCachedGraph,
): Promise<ActivationGridTable> {
  const statistics = new ActivationStatistics(context.sampler.calls, sites, SAMPLES_KEPT);
  const cached = cachedCalls(context, everyCall ? [0] : refreshCalls);
  return observe(context, graph, replay(context, trajectory, cached.length > 0 ? cached : [0]), {
    outputs: [OBSERVATIONS_OUTPUT],
    feeds: replayedFeeds(anchorFeeds(context, trajectory, refreshCalls)),
    record: (results, { call }) => statistics.record(call.call, results[OBSERVATIONS_OUTPUT]!.data),
    result: () => statistics.grids(),
  });
}
