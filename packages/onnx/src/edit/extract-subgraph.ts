import { CacheQuantError, type DType } from '@cachequant/tensor';
import { usedFunctions } from '../analyze/functions.js';
import { definedNames } from '../analyze/subgraph.js';
import { elementTypeOf } from '../element-types.js';
import type { Dim, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from '../model.js';
import { cloneModel, cloneNode, cloneValueInfo } from './clone-model.js';
import { reachable } from './dead-nodes.js';
import { freshName } from './fresh-name.js';

/** The tensors between which {@link extractSubgraph} takes the graph, and types for those that have none. */
export interface ExtractOptions {
  /** Tensors of the graph that become its inputs; what computes them is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Types of tensors of which the model says nothing, as `inferShapes` gives them. */
  readonly types?: ReadonlyMap<
    string,
    { readonly dtype: DType | null; readonly dims: readonly Dim[] | undefined }
  >;
}

/**
 * Makes a model that computes some tensors of another from others, and from the graph's own inputs where they are
 * still needed. Weights are shared, everything else is copied.
 * @throws CacheQuantError `invalid-argument` for a tensor that the graph does not have or whose type is not known
 */
export function extractSubgraph(model: OnnxModel, options: ExtractOptions): OnnxModel {
  const { graph } = model;
  const cut = new Set(options.inputs);
  checkNames(graph, options);
  const { nodes, tensors } = reachable(graph, options.outputs, cut);
  const kept = graph.nodes.filter((node) => nodes.has(node));
  checkOrigins(graph, kept, tensors, cut);
  const ownInputs = graph.inputs.filter(({ name }) => tensors.has(name) && !cut.has(name));
  const typed = (name: string) => typeOf(graph, name, options.types);
  const part: OnnxGraph = {
    ...graph,
    nodes: kept.map((node) => withoutOutputs(node, cut, graph)),
    inputs: [...ownInputs.map(cloneValueInfo), ...options.inputs.map(typed)],
    outputs: options.outputs.map(typed),
    initializers: new Map([...graph.initializers].filter(([name]) => tensors.has(name) && !cut.has(name))),
  };
  const inside = definedNames(part);
  const boundary = new Set([...part.inputs, ...part.outputs].map(({ name }) => name));
  part.valueInfo = new Map([...graph.valueInfo].filter(([name]) => inside.has(name) && !boundary.has(name)));
  return cloneModel({ ...model, graph: part, functions: usedFunctions(model, kept) });
}

function checkNames(graph: OnnxGraph, { inputs, outputs }: ExtractOptions): void {
  const defined = definedNames(graph);
  for (const [role, names] of Object.entries({ inputs, outputs })) {
    const where = `extractSubgraph, ${role}`;
    if (names.length === 0 && role === 'outputs') {
      throw new CacheQuantError('invalid-argument', 'there is nothing to compute', { where });
    }
    for (const [i, name] of names.entries()) {
      if (!defined.has(name)) {
        throw new CacheQuantError('invalid-argument', `the graph has no tensor '${name}'`, { where });
      }
      if (names.indexOf(name) < i)
        throw new CacheQuantError('invalid-argument', `'${name}' comes twice`, { where });
    }
  }
}

function checkOrigins(
  graph: OnnxGraph,
  kept: readonly OnnxNode[],
  tensors: ReadonlySet<string>,
  cut: ReadonlySet<string>,
) {
  const defined = definedNames({ ...graph, nodes: [...kept] });
  for (const name of tensors) {
    if (defined.has(name) || cut.has(name)) continue;
    throw new CacheQuantError('onnx-format', `nothing makes the tensor '${name}'`, {
      where: `graph '${graph.name}'`,
    });
  }
}

/** A node that is needed for another output must not make a tensor that comes from outside now. */
function withoutOutputs(node: OnnxNode, cut: ReadonlySet<string>, graph: OnnxGraph): OnnxNode {
  if (!node.outputs.some((output) => cut.has(output))) return node;
  const outputs = node.outputs.map((name) => (cut.has(name) ? freshName(graph, `${name}_unused`) : name));
  return { ...cloneNode(node), outputs };
}

function typeOf(graph: OnnxGraph, name: string, types: ExtractOptions['types']): ValueInfo {
  const declared =
    graph.valueInfo.get(name) ?? [...graph.outputs, ...graph.inputs].find((info) => info.name === name);
  const given = types?.get(name);
  const weight = graph.initializers.get(name);
  const dtype = given?.dtype ?? declared?.dtype ?? weight?.dtype ?? null;
  if (
    declared !== undefined &&
    dtype === null &&
    (declared.raw !== undefined || declared.elementType !== 0)
  ) {
    return cloneValueInfo(declared);
  }
  if (dtype === null) {
    throw new CacheQuantError('invalid-argument', `the type of the tensor '${name}' is not known`, {
      where: 'extractSubgraph',
      hint: 'Pass the result of inferShapes as types',
    });
  }
  const dims = given?.dims ?? declared?.dims ?? weight?.dims;
  return { name, dtype, elementType: elementTypeOf(dtype), dims: dims && [...dims] };
}
