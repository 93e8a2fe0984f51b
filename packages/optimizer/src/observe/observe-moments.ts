import type { OnnxModel } from '@cachequant/onnx';
import {
  addProducts,
  emptySecondMoments,
  momentsGraph,
  momentsOutput,
  type SecondMoments,
} from '@cachequant/quantizer';
import { MersenneTwister, type TwoFold } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { writeGraph } from '../graphs/float-graphs.js';
import type { MomentWave } from './moment-waves.js';
import { observe, replayedFeeds } from './observe.js';
import { type FloatTrajectory, replay } from './trajectory.js';

/** Rows of each layer over all images and calls: some four for each input of a block. */
const ROWS_WANTED = 8192;
const LEAST_ROWS_PER_CALL = 16;

/** Calls of the trajectory that are observed, evenly spread. */
export const MOMENT_CALLS = 17;

const GRAPH = 'float/full-moments.onnx';

/**
 * Second moments of the inputs of a wave's layers, on the float model's own trajectory, with both halves of
 * guidance; even and odd images apart.
 * @param full the float graph with its weights in files of the work folder
 * @returns by site
 */
export async function observeMoments(
  context: CalibrationContext,
  trajectory: FloatTrajectory,
  full: OnnxModel,
  { sites }: MomentWave,
): Promise<TwoFold<SecondMoments>[]> {
  const calls = momentCalls(context.sampler.calls);
  const generator = new MersenneTwister(2);
  const graph = momentsGraph(full, sites, {
    rowsPerCall: Math.max(
      LEAST_ROWS_PER_CALL,
      Math.ceil(ROWS_WANTED / (calls.length * trajectory.images.length)),
    ),
    random: () => generator.nextUint32() / 2 ** 32,
  });
  await writeGraph(context.work, GRAPH, graph);
  const moments = sites.map(
    ({ blocks }): TwoFold<SecondMoments> => [emptySecondMoments(blocks), emptySecondMoments(blocks)],
  );
  const observed = await observe(context, GRAPH, replay(context, trajectory, calls), {
    outputs: graph.graph.outputs.map(({ name }) => name),
    feeds: replayedFeeds(),
    record: (products, { image }) => {
      for (const [site, halves] of moments.entries()) {
        const half = halves[image % 2]!;
        for (const block of half.blocks.keys()) {
          addProducts(half, block, products[momentsOutput(site, block)]!.data);
        }
      }
    },
    result: () => moments,
  });
  await context.work.remove(GRAPH);
  return observed;
}

/** The first call, the last, and others evenly between. */
export function momentCalls(calls: number): number[] {
  const count = Math.min(calls, MOMENT_CALLS);
  if (count === 1) return [0];
  return Array.from({ length: count }, (_, i) => Math.round((i * (calls - 1)) / (count - 1)));
}
