import { type ActivationGridTable, ActivationStatistics, OBSERVATIONS_OUTPUT } from '@cachequant/quantizer';
import type { Session, Tensor } from '@cachequant/tensor';
import {
  CACHE_NAME,
  type Laboratory,
  observingDenoiser,
  PREVIOUS_CACHE_NAME,
  runGraph,
  sampleCalibration,
  withGraphs,
} from './laboratory.js';

/**
 * Activation grids of the cached graph, observed in float along a schedule with corrected anchors: what the
 * layers see after the correction, not what they see in the full graph.
 * @param graphs.cached with the cache correction folded in, and observers
 */
export async function observeCached(
  lab: Laboratory,
  graphs: { readonly full: string; readonly cached: string },
  refreshSteps: readonly number[],
  sites: readonly string[],
  samplesKept: number,
): Promise<ActivationGridTable> {
  const statistics = new ActivationStatistics(lab.sampler.calls, sites, samplesKept);
  await withGraphs(lab, graphs, (sessions) => gather(lab, sessions, refreshSteps, statistics));
  return statistics.grids();
}

async function gather(
  lab: Laboratory,
  { full, cached }: { readonly full: Session; readonly cached: Session },
  refreshSteps: readonly number[],
  statistics: ActivationStatistics,
): Promise<void> {
  const refreshes = new Set(refreshSteps);
  let anchors: Tensor[] = [];
  const denoiser = observingDenoiser(full, async (call) => {
    if (refreshes.has(call.call)) {
      const results = await runGraph(lab, full, call, [lab.output, CACHE_NAME]);
      anchors = [results[CACHE_NAME]!, ...(call.call === 0 ? [] : anchors.slice(0, 1))];
      return results[lab.output]!;
    }
    const results = await runGraph(lab, cached, call, [lab.output, OBSERVATIONS_OUTPUT], {
      [CACHE_NAME]: anchors[0]!,
      [PREVIOUS_CACHE_NAME]: anchors[1] ?? anchors[0]!,
    });
    statistics.record(call.call, results[OBSERVATIONS_OUTPUT]!.data);
    return results[lab.output]!;
  });
  await sampleCalibration(lab, 'quantize', denoiser);
}
