import { medianOf } from '@cachequant/evaluate';
import { runGraph, withGraphs } from '../calibration-context.js';
import { writeGraph } from '../graphs/float-graphs.js';
import type { WholeTimes } from './decision.js';
import { experimentForm, experimentPath, type LayerExperiment } from './layer-experiment.js';
import { sampledCalls } from './sample-calls.js';

const TOTAL_MS = 6000;
const LEAST_RUNS = 5;
const MOST_RUNS = 50;

/** Milliseconds of a full call in integers, and with some layers in float. */
export async function wholeTimes(
  experiment: LayerExperiment,
  slow: ReadonlySet<string>,
): Promise<WholeTimes> {
  const { context, trajectory } = experiment;
  const [sample] = await sampledCalls(context, trajectory, 1);
  const paths = { allInteger: experimentPath('whole'), withoutSlow: experimentPath('whole-without') };
  await writeGraph(context.work, paths.allInteger, experimentForm(experiment));
  await writeGraph(context.work, paths.withoutSlow, experimentForm(experiment, slow));
  return withGraphs(context, paths, async (sessions) => {
    const run = async (name: keyof typeof paths) => {
      const start = performance.now();
      await runGraph(context, sessions[name], sample!.call, [context.output]);
      return performance.now() - start;
    };
    await run('allInteger');
    await run('withoutSlow');
    const runs = Math.ceil(TOTAL_MS / (2 * (await run('allInteger'))));
    const times = { allInteger: [] as number[], withoutSlow: [] as number[] };
    for (let i = 0; i < Math.min(MOST_RUNS, Math.max(LEAST_RUNS, runs)); i++) {
      // The one that goes first changes, since a rest before a run is worth something to it.
      const order = ['allInteger', 'withoutSlow'] as const;
      for (const name of i % 2 === 0 ? order : order.toReversed()) times[name].push(await run(name));
    }
    return {
      allInteger: medianOf(times.allInteger),
      withoutSlow: medianOf(times.withoutSlow),
      ratio: medianOf(times.withoutSlow.map((ms, i) => ms / times.allInteger[i]!)),
    };
  });
}
