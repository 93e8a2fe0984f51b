import { type ActivationGridTable, ActivationStatistics, OBSERVATIONS_OUTPUT } from '@cachequant/quantizer';
import type { Session, Tensor } from '@cachequant/tensor';
import { CACHE_NAME, type Laboratory, PREVIOUS_CACHE_NAME, runGraph, withGraphs } from '../laboratory.js';
import { readRecord } from '../work/tensor-records.js';
import { anchorCalls, cachedCalls, type FloatTrajectory, replay } from './trajectory.js';

/**
 * Activation grids of the cached graph, observed in float on the float trajectory with corrected anchors: what
 * the layers see after the correction, not what they see in the full graph.
 * @param graph the cached graph with the cache correction folded in, and observers
 */
export async function observeCached(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  graph: string,
  refreshSteps: readonly number[],
  sites: readonly string[],
  samplesKept: number,
): Promise<ActivationGridTable> {
  const statistics = new ActivationStatistics(lab.sampler.calls, sites, samplesKept);
  await withGraphs(lab, { cached: graph }, ({ cached }) =>
    gather(lab, trajectory, cached, refreshSteps, statistics),
  );
  return statistics.grids();
}

async function gather(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  cached: Session,
  refreshSteps: readonly number[],
  statistics: ActivationStatistics,
): Promise<void> {
  const featuresAt = async (image: number, call: number): Promise<Tensor<'float32'>> =>
    (await readRecord(lab.work, trajectory.images[image]!, call))[1]!;
  for await (const { image, call } of replay(lab, trajectory, cachedCalls(lab, refreshSteps))) {
    const [newest, previous] = anchorCalls(refreshSteps, call.call);
    const results = await runGraph(lab, cached, call, [OBSERVATIONS_OUTPUT], {
      [CACHE_NAME]: await featuresAt(image, newest),
      [PREVIOUS_CACHE_NAME]: await featuresAt(image, previous),
    });
    statistics.record(call.call, results[OBSERVATIONS_OUTPUT]!.data);
  }
}
