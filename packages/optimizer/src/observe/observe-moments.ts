import type { OnnxModel } from '@cachequant/onnx';
import {
  addProducts,
  emptySecondMoments,
  type MomentsByHalf,
  momentsGraph,
  momentsOutput,
} from '@cachequant/quantizer';
import { MersenneTwister } from '@cachequant/tensor';
import { writeGraph } from '../graphs/float-graphs.js';
import { type Laboratory, runGraph, withGraphs } from '../laboratory.js';
import type { MomentWave } from './moment-waves.js';
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
  lab: Laboratory,
  trajectory: FloatTrajectory,
  full: OnnxModel,
  { sites }: MomentWave,
): Promise<MomentsByHalf[]> {
  const calls = momentCalls(lab.sampler.calls);
  const generator = new MersenneTwister(2);
  const graph = momentsGraph(full, sites, {
    rowsPerCall: Math.max(
      LEAST_ROWS_PER_CALL,
      Math.ceil(ROWS_WANTED / (calls.length * trajectory.images.length)),
    ),
    random: () => generator.nextUint32() / 2 ** 32,
  });
  await writeGraph(lab.work, GRAPH, graph);
  const moments = sites.map(
    ({ blocks }) => [emptySecondMoments(blocks), emptySecondMoments(blocks)] as const,
  );
  const outputs = graph.graph.outputs.map(({ name }) => name);
  await withGraphs(lab, { graph: GRAPH }, async ({ graph: session }) => {
    for await (const { image, call } of replay(lab, trajectory, calls)) {
      const products = await runGraph(lab, session, call, outputs);
      for (const [site, halves] of moments.entries()) {
        const half = halves[image % 2]!;
        for (const block of half.blocks.keys()) {
          addProducts(half, block, products[momentsOutput(site, block)]!.data);
        }
      }
    }
  });
  await lab.work.remove(GRAPH);
  return moments;
}

/** The first call, the last, and others evenly between. */
export function momentCalls(calls: number): number[] {
  const count = Math.min(calls, MOMENT_CALLS);
  if (count === 1) return [0];
  return Array.from({ length: count }, (_, i) => Math.round((i * (calls - 1)) / (count - 1)));
}
