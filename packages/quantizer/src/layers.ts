import {
  constantOf,
  GraphIndex,
  getFloat,
  getInt,
  getInts,
  getString,
  type OnnxGraph,
  type OnnxNode,
  type Weight,
} from '@cachequant/onnx';

/** How a layer is computed in integers, where it is. */
export type LayerKind =
  /** A convolution over space: QLinearConv, whose output is rounded to 8 bits. */
  | 'convolution'
  /** A 1×1 convolution: a matrix product over the channels, with float output. */
  | 'pointwise'
  /** MatMul or Gemm with a constant weight: a matrix product with float output. */
  | 'linear';

/** A convolution or linear layer of the graph: constant weight, one activation input. */
export interface Layer {
  /**
   * `weight:output`, of the node itself. Made of nothing else, so that a layer is known by the same id in the
   * full and in the cached graph, whichever other layers share its weight.
   */
  readonly id: string;
  readonly kind: LayerKind;
  readonly node: OnnxNode;
  /** A separate Add of a constant bias, which the integer form takes in. */
  readonly biasAdd: OnnxNode | undefined;
  readonly weight: Weight;
  readonly bias: Weight | undefined;
  readonly input: string;
  /** The output with the bias. */
  readonly output: string;
  readonly outputChannels: number;
  /** Inputs per output channel: fan-in. */
  readonly inputs: number;
  /** The weight is stored [inputs, channels] (MatMul, Gemm without transB) rather than [channels, …]. */
  readonly inputsFirst: boolean;
}

/**
 * Finds every layer that can be computed in integers, in graph order: convolutions over two dimensions and
 * matrix products whose weight is a float32 constant of rank 2. Anything else stays in float.
 */
export function findLayers(graph: OnnxGraph): Layer[] {
  const index = new GraphIndex(graph);
  const layers: Layer[] = [];
  for (const node of graph.nodes) {
    const found = asConvolution(graph, node) ?? asMatMul(graph, index, node) ?? asGemm(graph, node);
    if (found) layers.push({ id: `${found.weight.name}:${node.outputs[0]}`, ...found });
  }
  return layers;
}

type Found = Omit<Layer, 'id'>;

function asConvolution(graph: OnnxGraph, node: OnnxNode): Found | undefined {
  if (node.opType !== 'Conv' || node.domain !== '') return undefined;
  const weight = floatConstant(graph, node.inputs[1]);
  const bias = node.inputs[2] ? floatConstant(graph, node.inputs[2]) : undefined;
  if (weight?.dims.length !== 4 || (node.inputs[2] && !bias)) return undefined;
  const [outputChannels, perGroup, height, width] = weight.dims as [number, number, number, number];
  const plain =
    getInt(node, 'group', 1) === 1 &&
    getInts(node, 'strides', [1, 1]).every((stride) => stride === 1) &&
    getInts(node, 'pads', [0, 0, 0, 0]).every((pad) => pad === 0) &&
    ['NOTSET', 'VALID'].includes(getString(node, 'auto_pad', 'NOTSET'));
  return {
    kind: height === 1 && width === 1 && plain ? 'pointwise' : 'convolution',
    node,
    biasAdd: undefined,
    weight,
    bias,
    input: node.inputs[0]!,
    output: node.outputs[0]!,
    outputChannels,
    inputs: perGroup * height * width,
    inputsFirst: false,
  };
}

function asMatMul(graph: OnnxGraph, index: GraphIndex, node: OnnxNode): Found | undefined {
  if (node.opType !== 'MatMul' || node.domain !== '') return undefined;
  const weight = floatConstant(graph, node.inputs[1]);
  if (weight?.dims.length !== 2) return undefined;
  const [inputs, outputChannels] = weight.dims as [number, number];
  const add = followingBias(graph, index, node.outputs[0]!, outputChannels);
  return {
    kind: 'linear',
    node,
    biasAdd: add?.node,
    weight,
    bias: add?.bias,
    input: node.inputs[0]!,
    output: add?.node.outputs[0] ?? node.outputs[0]!,
    outputChannels,
    inputs,
    inputsFirst: true,
  };
}

function asGemm(graph: OnnxGraph, node: OnnxNode): Found | undefined {
  if (node.opType !== 'Gemm' || node.domain !== '' || getInt(node, 'transA', 0) !== 0) return undefined;
  if (getFloat(node, 'alpha', 1) !== 1 || getFloat(node, 'beta', 1) !== 1) return undefined;
  const weight = floatConstant(graph, node.inputs[1]);
  const bias = node.inputs[2] ? floatConstant(graph, node.inputs[2]) : undefined;
  if (weight?.dims.length !== 2 || (node.inputs[2] && !bias)) return undefined;
  const transposed = getInt(node, 'transB', 0) !== 0;
  const outputChannels = weight.dims[transposed ? 0 : 1]!;
  if (bias && !(bias.dims.length === 1 && bias.dims[0] === outputChannels)) return undefined;
  return {
    kind: 'linear',
    node,
    biasAdd: undefined,
    weight,
    bias,
    input: node.inputs[0]!,
    output: node.outputs[0]!,
    outputChannels,
    inputs: weight.dims[transposed ? 1 : 0]!,
    inputsFirst: !transposed,
  };
}

function followingBias(
  graph: OnnxGraph,
  index: GraphIndex,
  tensor: string,
  channels: number,
): { node: OnnxNode; bias: Weight } | undefined {
  const consumers = index.consumers(tensor);
  const node = consumers[0];
  if (
    consumers.length !== 1 ||
    node?.opType !== 'Add' ||
    node.domain !== '' ||
    graph.outputs.some((o) => o.name === tensor)
  ) {
    return undefined;
  }
  const other = node.inputs[0] === tensor ? node.inputs[1] : node.inputs[0];
  const bias = floatConstant(graph, other);
  return bias?.dims.length === 1 && bias.dims[0] === channels ? { node, bias } : undefined;
}

function floatConstant(graph: OnnxGraph, name: string | undefined): Weight | undefined {
  const weight = name ? constantOf(graph, name) : undefined;
  return weight?.dtype === 'float32' ? weight : undefined;
}
