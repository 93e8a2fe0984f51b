import {
  cloneModel,
  GraphIndex,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  removeDeadNodes,
  topologicalSort,
} from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';

/** Sums in a layer of a transformer that go on with what came in: one behind attention, one behind the rest. */
const SUMS = 2;

/**
 * A text encoder without its last layers: its final norm takes what goes into the first of them. Layers are found by the
 * sums along the stream of hidden states, whatever exporters call them.
 *
 * Source: `clip_skip` of diffusers' `StableDiffusionPipeline.encode_prompt`, which applies the final norm as well.
 * @param output the last hidden states
 * @param count layers to leave out, from 1
 * @returns a new model; the one given is not changed
 * @throws CacheQuantError `invalid-argument` when it has no more layers than that
 */
export function skipLastLayers(model: OnnxModel, output: string, count: number): OnnxModel {
  const result = cloneModel(model);
  const { graph } = result;
  topologicalSort(graph);
  const sums = residualSums(graph, output);
  const [last] = sums;
  const skipped = sums[SUMS * count];
  if (last === undefined || skipped === undefined) {
    throw new CacheQuantError(
      'invalid-argument',
      'the text encoder has no more layers than are to be skipped',
      {
        where: 'clipSkip',
        expected: `0 to ${Math.max(0, Math.ceil(sums.length / SUMS) - 1)}`,
        got: String(count),
      },
    );
  }
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((name) => (name === last.outputs[0] ? skipped.outputs[0]! : name));
  }
  removeDeadNodes(graph);
  return result;
}

/** The sums from the last one back to that of the embeddings: each takes in the one before, directly. */
function residualSums(graph: OnnxGraph, output: string): OnnxNode[] {
  const index = new GraphIndex(graph);
  const fed = dependsOnInputs(graph);
  const isSum = (node: OnnxNode) => node.opType === 'Add' && node.inputs.every((name) => fed.has(name));
  const leading = ancestors(index, output);
  const first = graph.nodes.findLast((node) => leading.has(node) && isSum(node));
  const sums: OnnxNode[] = [];
  for (let node = first; node !== undefined; ) {
    sums.push(node);
    const [left, right] = node.inputs.map((name) => index.producer(name)) as [OnnxNode?, OnnxNode?];
    // What comes in is computed before the layer's own share, which is made of it.
    const before = right && left && ancestors(index, right.outputs[0]!).has(left) ? left : right;
    node = before && isSum(before) ? before : undefined;
    if (before && !node) sums.push(before);
  }
  return sums;
}

function ancestors(index: GraphIndex, tensor: string): Set<OnnxNode> {
  const found = new Set<OnnxNode>();
  const pending = [tensor];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const node = index.producer(name);
    if (node === undefined || found.has(node)) continue;
    found.add(node);
    pending.push(...node.inputs);
  }
  return found;
}

/** Names of the tensors that are not constant. */
function dependsOnInputs(graph: OnnxGraph): Set<string> {
  const fed = new Set(graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name)));
  for (const { inputs, outputs } of graph.nodes) {
    if (inputs.some((name) => fed.has(name))) for (const name of outputs) fed.add(name);
  }
  return fed;
}
