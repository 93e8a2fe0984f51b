import { medianOf } from '@cachequant/evaluate';
import type { OnnxModel, OnnxNode } from '@cachequant/onnx';
import { findLayers, integerKernels, type Layer } from '@cachequant/quantizer';
import type { ProfiledNode, Session } from '@cachequant/tensor';
import { loadGraph, runGraph } from '../calibration-context.js';
import { writeGraph } from '../graphs/float-graphs.js';
import type { LayerTimes } from './decision.js';
import { layerCosts } from './layer-costs.js';
import { experimentForm, experimentPath, type LayerExperiment } from './layer-experiment.js';
import { layerNodes } from './layer-nodes.js';
import { originFinder, withNumberedNodes } from './numbered-nodes.js';
import { sampledCalls } from './sample-calls.js';

/** How often each graph is loaded and profiled, in turn. */
const ROUNDS = 2;
/** Runs of a round take about this long, and are no fewer and no more than these. */
const ROUND_MS = 1500;
const LEAST_RUNS = 3;
const MOST_RUNS = 20;

/**
 * What every layer takes in float and in integers on this machine, at the shapes it has, by the runtime's own
 * profile of both graphs; alike layers share the median of theirs.
 */
export async function measureTimes(experiment: LayerExperiment): Promise<Record<string, LayerTimes>> {
  const { context, packed } = experiment;
  const float = withNumberedNodes(experiment.float);
  const integer = withNumberedNodes(experimentForm(experiment));
  const weights = new Map([...packed.compute].map(([id, { integers }]) => [integers.name, id]));
  const forms = [
    { path: experimentPath('float'), model: float, kernels: floatKernels(float, packed.compute) },
    { path: experimentPath('integer'), model: integer, kernels: integerKernels(integer.graph, weights) },
  ] as const;
  for (const { path, model } of forms) await writeGraph(context.work, path, model);
  const profiles: ProfiledNode[][][] = [[], []];
  const total = ROUNDS * forms.length;
  for (let done = 0; done < total; done++) {
    context.onProgress?.(done, total);
    const form = done % forms.length;
    profiles[form]!.push([...(await profile(experiment, forms[form]!.path))]);
  }
  context.onProgress?.(total, total);
  const layers = findLayers(experiment.float.graph).filter(({ id }) => packed.compute.has(id));
  const convolutions = new Set(layers.filter(({ kind }) => kind !== 'linear').map(({ id }) => id));
  const costs = forms.map(({ model, kernels }, form) => {
    const nodes = layerNodes(model.graph, kernels, forms[1 - form]!.model.graph);
    return layerCosts(
      { nodes, kernels, originOf: originFinder(model), convolutions },
      medians(profiles[form]!),
    );
  });
  return shareAlike(experiment, layers, costs[0]!, costs[1]!);
}

function floatKernels({ graph }: OnnxModel, ids: { has(id: string): boolean }): Map<OnnxNode, string> {
  const layers = findLayers(graph).filter(({ id }) => ids.has(id));
  return new Map(layers.map(({ node, id }) => [node, id]));
}

/** The first run of a session allocates and packs, and is left out. */
async function profile(experiment: LayerExperiment, path: string): Promise<readonly ProfiledNode[]> {
  const { context, trajectory } = experiment;
  const [sample] = await sampledCalls(context, trajectory, 1);
  const session = await loadGraph(context, path, true);
  try {
    const run = () => timed(() => runGraph(context, session, sample!.call, outputsOf(session)));
    await run();
    const runs = Math.min(MOST_RUNS, Math.max(LEAST_RUNS, Math.ceil(ROUND_MS / (await run()))));
    for (let i = 1; i < runs; i++) await run();
    return await session.endProfiling();
  } finally {
    await session.dispose();
  }
}

function outputsOf({ outputs }: Session): string[] {
  return outputs.map(({ name }) => name);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Per node, over the runs of all rounds. */
function medians(rounds: readonly (readonly ProfiledNode[])[]) {
  const [first, ...others] = rounds.map((nodes) => new Map(nodes.map((node) => [node.name, node])));
  return [...first!.values()].map(({ name, opType, runMs }) => {
    const all = [runMs, ...others.map((nodes) => nodes.get(name)?.runMs ?? [])];
    return { name, opType, ms: medianOf(all.flatMap((runs) => runs.slice(runs.length > 1 ? 1 : 0))) };
  });
}

function shareAlike(
  { graph }: LayerExperiment,
  layers: readonly Layer[],
  float: ReadonlyMap<string, number>,
  integer: ReadonlyMap<string, number>,
): Record<string, LayerTimes> {
  const alike = new Map<string, string[]>();
  for (const { id, kind, weight, bias, output } of layers) {
    const key = JSON.stringify([kind, weight.dims, bias !== undefined, graph.shapes.get(output)?.dims]);
    alike.set(key, [...(alike.get(key) ?? []), id]);
  }
  const times: Record<string, LayerTimes> = {};
  for (const ids of alike.values()) {
    // Of a run's first kernel, waking the threads is part of the time; the others of its kind outvote it.
    const middle = (costs: ReadonlyMap<string, number>) => medianOf(ids.map((id) => costs.get(id) ?? 0));
    const shared = { floatMs: middle(float), integerMs: middle(integer) };
    for (const id of ids) times[id] = shared;
  }
  return times;
}
