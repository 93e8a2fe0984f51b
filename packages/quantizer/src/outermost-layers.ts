import type { OnnxGraph, OnnxNode, TensorFacts } from '@cachequant/onnx';

type Shapes = ReadonlyMap<string, TensorFacts>;

/** Operators that only scale, shift or hand on a picture: `center_input_sample`, and preconditioning by the noise. */
const SCALING = new Set(['Mul', 'Div', 'Add', 'Sub', 'Cast', 'Identity', 'Clip', 'Tanh']);

/** Tensors between which the first and the last layers lie. */
export interface OuterTensors {
  /** The sample, and what scaling makes of it. */
  readonly first: ReadonlySet<string>;
  /** The prediction, and what it is scaled from. */
  readonly last: ReadonlySet<string>;
}

/**
 * The tensors that are the sample or the prediction but for a scaling: by a constant, by a number for each image, or
 * by mixing in the sample itself, as preconditioned models do (Karras et al. 2022, https://arxiv.org/abs/2206.00364).
 */
export function outerTensors(graph: OnnxGraph, shapes: Shapes): OuterTensors {
  const known = found.get(shapes);
  if (known !== undefined && known.graph === graph) return known.tensors;
  const tensors = findOuterTensors(graph, shapes);
  found.set(shapes, { graph, tensors });
  return tensors;
}

/** A graph is asked about layer by layer; its shapes are inferred again when it changes. */
const found = new WeakMap<Shapes, { readonly graph: OnnxGraph; readonly tensors: OuterTensors }>();

function findOuterTensors(graph: OnnxGraph, shapes: Shapes): OuterTensors {
  const constants = new Set(
    graph.nodes.filter(({ opType }) => opType === 'Constant').map(({ outputs }) => outputs[0]),
  );
  const isFactor = (name: string) =>
    name === '' || graph.initializers.has(name) || constants.has(name) || isNumberAnImage(shapes.get(name));
  const first = new Set(graph.inputs.filter(({ dims }) => dims?.length === 4).map(({ name }) => name));
  for (const node of graph.nodes) {
    const scales = isScaling(node) && node.inputs.some((name) => first.has(name));
    if (scales && node.inputs.every((name) => first.has(name) || isFactor(name))) first.add(node.outputs[0]!);
  }
  const producers = new Map(graph.nodes.map((node) => [node.outputs[0]!, node]));
  const last = new Set<string>();
  const pending = graph.outputs.slice(0, 1).map(({ name }) => name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (last.has(name)) continue;
    last.add(name);
    const node = producers.get(name);
    if (node === undefined || !isScaling(node)) continue;
    const scaled = node.inputs.filter((input) => !isFactor(input) && !first.has(input));
    if (scaled.length === 1) pending.push(scaled[0]!);
  }
  return { first, last };
}

function isScaling({ opType, domain }: OnnxNode): boolean {
  return domain === '' && SCALING.has(opType);
}

/** [B, 1, 1, 1], or fewer. */
function isNumberAnImage(facts: TensorFacts | undefined): boolean {
  const { dims } = facts ?? {};
  return dims !== undefined && (dims.length === 0 || dims.slice(1).every((dim) => dim === 1));
}
