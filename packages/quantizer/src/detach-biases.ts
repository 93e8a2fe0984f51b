import {
  cloneModel,
  freshName,
  GraphIndex,
  insertNodes,
  makeNode,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  removeDeadNodes,
  type TensorFacts,
} from '@cachequant/onnx';
import { findLayers, type Layer } from './layers.js';

type Shapes = ReadonlyMap<string, TensorFacts>;

/**
 * Takes the biases out of convolutions that may become integer ones, and adds them behind: to a vector that is
 * added there anyway, such as the time embedding of a residual block, or else to the output itself.
 *
 * Integer convolutions are fastest without a bias (see `integerConvolutions`). The graph computes the same; where
 * such a layer stays in float after all, ONNX Runtime puts the bias back when it loads the graph.
 * @param shapes static, at the batch the model is used with; those of the result have to be inferred again
 * @param applies says of a convolution whether it may become an integer one; all may when left out
 * @returns a new model; the one given is not changed
 */
export function detachBiases(
  model: OnnxModel,
  shapes: Shapes,
  applies: (layer: Layer) => boolean = () => true,
): OnnxModel {
  const result = cloneModel(model);
  const { graph } = result;
  const index = new GraphIndex(graph);
  for (const layer of findLayers(graph)) {
    if (layer.kind === 'convolution' && layer.bias && applies(layer)) detach(graph, index, shapes, layer);
  }
  removeDeadNodes(graph);
  return result;
}

function detach(graph: OnnxGraph, index: GraphIndex, shapes: Shapes, layer: Layer): void {
  const { node, output } = layer;
  const bias = perChannel(graph, layer);
  node.inputs = node.inputs.slice(0, 2);
  const added = vectorAddedTo(index, shapes, layer);
  if (added) {
    const sum = freshName(graph, `${added.vector}/biased`);
    insertNodes(graph, [makeNode('Add', [added.vector, bias], [sum])], { before: added.node });
    added.node.inputs = added.node.inputs.map((name) => (name === added.vector ? sum : name));
    return;
  }
  const unbiased = freshName(graph, `${output}/unbiased`);
  node.outputs = [unbiased];
  const next = graph.nodes[graph.nodes.indexOf(node) + 1];
  insertNodes(graph, [makeNode('Add', [unbiased, bias], [output])], { before: next });
}

/** The bias as [C, 1, 1]. */
function perChannel(graph: OnnxGraph, { bias, outputChannels }: Layer): string {
  const name = `${bias!.name}/per_channel`;
  graph.initializers.set(name, { ...bias!, name, dims: [outputChannels, 1, 1] });
  return name;
}

/** What one Add alone adds to the layer's output, where it is a vector [B, C, 1, 1]. */
function vectorAddedTo(
  index: GraphIndex,
  shapes: Shapes,
  { output, outputChannels }: Layer,
): { readonly node: OnnxNode; readonly vector: string } | undefined {
  const node = index.onlyConsumer(output);
  if (node?.opType !== 'Add' || node.domain !== '') return undefined;
  const vector = node.inputs.find((name) => name !== output);
  const dims = vector === undefined ? undefined : shapes.get(vector)?.dims;
  const fits = dims?.length === 4 && dims[1] === outputChannels && dims[2] === 1 && dims[3] === 1;
  return fits ? { node, vector: vector! } : undefined;
}
