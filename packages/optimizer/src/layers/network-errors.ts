import type { PackedWeight } from '@cachequant/quantizer';
import type { Tensor } from '@cachequant/tensor';
import { writeGraph } from '../graphs/float-graphs.js';
import { runGraph, withGraphs } from '../laboratory.js';
import type { ReplayedCall } from '../observe/trajectory.js';
import { FLOAT_FULL } from '../work/graph-files.js';
import { sampledCalls } from './sample-calls.js';
import { SignalToNoise } from './signal-to-noise.js';
import { type Trial, trialForm, trialPath } from './trial.js';

/** Measures forms of the integer network against the float one, which runs once. */
export interface NetworkErrors {
  /**
   * Signal to noise of the prediction in decibels.
   * @param inFloat layers that compute in float
   * @param stored those of them whose weights are integers
   */
  of(inFloat: ReadonlySet<string>, stored?: ReadonlyMap<string, PackedWeight>): Promise<number>;
}

export async function networkErrors(trial: Trial): Promise<NetworkErrors> {
  const { lab, trajectory } = trial;
  const calls = await sampledCalls(lab, trajectory);
  const truth = await predictions(trial, FLOAT_FULL, calls);
  return {
    async of(inFloat, stored) {
      const path = trialPath('network');
      await writeGraph(lab.work, path, trialForm(trial, inFloat, stored));
      const error = new SignalToNoise();
      for (const [i, given] of (await predictions(trial, path, calls)).entries()) {
        error.add(truth[i]!.data, given.data);
      }
      return error.decibels;
    },
  };
}

function predictions(
  { lab }: Trial,
  path: string,
  calls: readonly ReplayedCall[],
): Promise<Tensor<'float32'>[]> {
  return withGraphs(lab, { graph: path }, async ({ graph }) => {
    const made: Tensor<'float32'>[] = [];
    for (const { call } of calls) made.push((await runGraph(lab, graph, call, [lab.output]))[lab.output]!);
    return made;
  });
}
