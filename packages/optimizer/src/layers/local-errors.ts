import { extractSubgraph } from '@cachequant/onnx';
import type { Layer } from '@cachequant/quantizer';
import { findLayers } from '@cachequant/quantizer';
import { elementCount, readTensor, type Session, type Tensor, tensor } from '@cachequant/tensor';
import { runGraph, withGraphs } from '../calibration-context.js';
import { integerForm } from '../graphs/cached-graphs.js';
import { exposeTensors } from '../graphs/corrected-layers.js';
import { readGraph, writeGraph } from '../graphs/float-graphs.js';
import type { ReplayedCall } from '../observe/trajectory.js';
import { FLOAT_FULL } from '../work/graph-files.js';
import { experimentPath, type LayerExperiment } from './layer-experiment.js';
import { SAMPLED_CALLS, sampledCalls } from './sample-calls.js';
import { SignalToNoise } from './signal-to-noise.js';

/** Inputs of layers that are in memory at once. */
const CHUNK_BYTES = 256 * 2 ** 20;
/** Inputs of all layers at all sampled calls; fewer calls where it would be more. */
const TOTAL_BYTES = 2 ** 30;

/**
 * Signal to noise in decibels of every layer by itself: what it gives in integers against what it gives in float,
 * both from the float model's own activations.
 *
 * The float model runs for a few layers' inputs at a time; then each layer runs alone, so that one layer's weight is
 * in memory beside them.
 */
export async function localErrors(experiment: LayerExperiment): Promise<Record<string, number>> {
  const { context, trajectory } = experiment;
  const layers = findLayers(experiment.float.graph).filter(({ id }) => experiment.packed.compute.has(id));
  const bytes = new Map(layers.map(({ input }) => [input, inputBytes(experiment, input)]));
  const perCall = [...bytes.values()].reduce((sum, size) => sum + size, 0);
  const count = Math.max(1, Math.min(SAMPLED_CALLS, Math.floor(TOTAL_BYTES / perCall)));
  const calls = await sampledCalls(context, trajectory, count);
  const errors: Record<string, number> = {};
  for (const chunk of chunks(layers, (input) => bytes.get(input)! * calls.length)) {
    const inputs = await inputsOf(experiment, chunk, calls);
    for (const layer of chunk) {
      context.onProgress?.(Object.keys(errors).length, layers.length);
      errors[layer.id] = await localError(experiment, layer, calls, inputs.get(layer.input)!);
    }
  }
  context.onProgress?.(layers.length, layers.length);
  return errors;
}

function inputBytes({ graph }: LayerExperiment, input: string): number {
  return 4 * elementCount((graph.shapes.get(input)?.dims ?? []).map(Number));
}

/** Layers in their order, as many together as their inputs fit into a chunk. */
function chunks(layers: readonly Layer[], bytesOf: (input: string) => number): Layer[][] {
  const made: Layer[][] = [];
  let seen = new Set<string>();
  let size = Number.POSITIVE_INFINITY;
  for (const layer of layers) {
    const more = seen.has(layer.input) ? 0 : bytesOf(layer.input);
    if (size + more > CHUNK_BYTES) {
      made.push([]);
      seen = new Set();
      size = 0;
    }
    size += seen.has(layer.input) ? 0 : bytesOf(layer.input);
    seen.add(layer.input);
    made.at(-1)!.push(layer);
  }
  return made;
}

/** What the layers are given by the float model, by tensor, one for each call. */
async function inputsOf(
  { context }: LayerExperiment,
  layers: readonly Layer[],
  calls: readonly ReplayedCall[],
): Promise<Map<string, Tensor<'float32'>[]>> {
  const names = [...new Set(layers.map(({ input }) => input))];
  const model = await readGraph(context.work, FLOAT_FULL);
  const fed = new Set(model.graph.inputs.map(({ name }) => name));
  const computed = names.filter((name) => !fed.has(name));
  exposeTensors(model.graph, computed);
  const path = experimentPath('inputs');
  await writeGraph(context.work, path, model);
  const found = new Map<string, Tensor<'float32'>[]>(names.map((name) => [name, []]));
  await withGraphs(context, { float: path }, async ({ float }) => {
    for (const { call } of calls) {
      const results = await runGraph(context, float, call, computed);
      for (const name of names) {
        const value = results[name] ?? (call.conditioning[name] as Tensor<'float32'> | undefined);
        found.get(name)!.push(value ?? call.sample);
      }
    }
  });
  return found;
}

async function localError(
  { context, graph, float, packed, grids }: LayerExperiment,
  layer: Layer,
  calls: readonly ReplayedCall[],
  inputs: readonly Tensor<'float32'>[],
): Promise<number> {
  const alone = extractSubgraph(float, {
    inputs: [layer.input],
    outputs: [layer.output],
    types: graph.shapes,
  });
  const compute = new Map([[layer.id, packed.compute.get(layer.id)!]]);
  const integer = integerForm(alone, graph, { packed: { compute, store: new Map() }, grids });
  const paths = { float: experimentPath('layer'), integer: experimentPath('layer-integer') };
  await writeGraph(context.work, paths.float, alone);
  await writeGraph(context.work, paths.integer, integer);
  const error = new SignalToNoise();
  await withGraphs(context, paths, async (sessions) => {
    for (const [i, { call }] of calls.entries()) {
      const [truth, given] = [
        await runLayer(sessions.float, layer, inputs[i]!, call.call),
        await runLayer(sessions.integer, layer, inputs[i]!, call.call),
      ];
      error.add(truth, given);
    }
  });
  return error.decibels;
}

async function runLayer(
  session: Session,
  { input, output }: Layer,
  value: Tensor<'float32'>,
  call: number,
): Promise<Float32Array> {
  const index = session.inputs.find(({ name }) => name !== input);
  const feeds = { [input]: value, ...(index && { [index.name]: callIndex(call) }) };
  const result = (await session.run(feeds, { outputs: [output] }))[output]!;
  return (await readTensor(result)).data as Float32Array;
}

function callIndex(call: number): Tensor {
  return tensor('int64', [], BigInt64Array.of(BigInt(call)));
}
