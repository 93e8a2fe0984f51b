import type { PackedWeight } from '@cachequant/quantizer';
import type { Tensor } from '@cachequant/tensor';
import { runGraph, withGraphs } from '../calibration-context.js';
import { writeGraph } from '../graphs/float-graphs.js';
import type { ReplayedCall } from '../observe/trajectory.js';
import { FLOAT_FULL } from '../work/graph-files.js';
import { experimentForm, experimentPath, type LayerExperiment } from './layer-experiment.js';
import { sampledCalls } from './sample-calls.js';
import { SignalToNoise } from './signal-to-noise.js';

/** Measures forms of the integer network against the float one, which runs once. */
export interface NetworkErrors {
  /**
   * Signal to noise of the prediction in decibels.
   * @param inFloat layers that compute in float
   * @param stored those of them whose weights are integers
   */
  of(inFloat: ReadonlySet<string>, stored?: ReadonlyMap<string, PackedWeight>): Promise<number>;
  /** The same with only these layers in integers. */
  only(inIntegers: ReadonlySet<string>): Promise<number>;
}

export async function networkErrors(experiment: LayerExperiment): Promise<NetworkErrors> {
  const { context, trajectory } = experiment;
  const calls = await sampledCalls(context, trajectory);
  const truth = await predictions(experiment, FLOAT_FULL, calls);
  const of: NetworkErrors['of'] = async (inFloat, stored) => {
    const path = experimentPath('network');
    await writeGraph(context.work, path, experimentForm(experiment, inFloat, stored));
    const error = new SignalToNoise();
    for (const [i, given] of (await predictions(experiment, path, calls)).entries()) {
      error.add(truth[i]!.data, given.data);
    }
    return error.decibels;
  };
  const all = [...experiment.packed.compute.keys()];
  return { of, only: (inIntegers) => of(new Set(all.filter((id) => !inIntegers.has(id)))) };
}

function predictions(
  { context }: LayerExperiment,
  path: string,
  calls: readonly ReplayedCall[],
): Promise<Tensor<'float32'>[]> {
  return withGraphs(context, { graph: path }, async ({ graph }) => {
    const made: Tensor<'float32'>[] = [];
    for (const { call } of calls)
      made.push((await runGraph(context, graph, call, [context.output]))[context.output]!);
    return made;
  });
}
