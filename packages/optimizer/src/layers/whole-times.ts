import { medianOf } from '@cachequant/evaluate';
import { writeGraph } from '../graphs/float-graphs.js';
import { runGraph, withGraphs } from '../laboratory.js';
import type { WholeTimes } from './decision.js';
import { sampledCalls } from './sample-calls.js';
import { type Trial, trialForm, trialPath } from './trial.js';

const TOTAL_MS = 6000;
const LEAST_RUNS = 5;
const MOST_RUNS = 50;

/** Milliseconds of a full call in integers, and with some layers in float. */
export async function wholeTimes(trial: Trial, slow: ReadonlySet<string>): Promise<WholeTimes> {
  const { lab, trajectory } = trial;
  const [sample] = await sampledCalls(lab, trajectory, 1);
  const paths = { allInteger: trialPath('whole'), withoutSlow: trialPath('whole-without') };
  await writeGraph(lab.work, paths.allInteger, trialForm(trial));
  await writeGraph(lab.work, paths.withoutSlow, trialForm(trial, slow));
  return withGraphs(lab, paths, async (sessions) => {
    const run = async (name: keyof typeof paths) => {
      const start = performance.now();
      await runGraph(lab, sessions[name], sample!.call, [lab.output]);
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
