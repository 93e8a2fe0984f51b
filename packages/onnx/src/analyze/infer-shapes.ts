import { CacheQuantError } from '@cachequant/tensor';
import type { Dim, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from '../model.js';
import { type TensorFacts, UNKNOWN } from '../shapes/facts.js';
import { inferOutputs } from '../shapes/registry.js';
import { showDims } from '../shapes/rule.js';
import { weightFacts } from '../shapes/weight-facts.js';
import { dependenciesOf } from './dependencies.js';

/** Sizes of inputs that the model leaves open. */
export interface InferShapesOptions {
  /** Shapes for graph inputs by name; symbols they fix hold for all other inputs too. */
  inputDims?: Readonly<Record<string, readonly number[]>>;
  /**
   * Whether to go through operators that ONNX Runtime's fusions write for one kind of device, for `countMultiplyAdds`.
   * Left out: no; what comes after them is unknown then.
   */
  fused?: boolean;
}

/**
 * Types and shapes of every tensor of the main graph, without running it.
 *
 * Small constants are followed through shape arithmetic, so targets computed from Shape, Gather and Concat are
 * known. Dimensions that depend on an open input stay symbols or null; operators that are not known give unknown
 * shapes, unless the model itself declares them.
 * @throws CacheQuantError `invalid-argument` for `inputDims` that do not fit the inputs, `shape` for a graph that
 * cannot run with them (the message names the node), `onnx-format` for a graph with a cycle
 */
export function inferShapes(model: OnnxModel, options: InferShapesOptions = {}): Map<string, TensorFacts> {
  const symbols = new Map<string, number>();
  const inputs = inputFacts(model.graph, options.inputDims ?? {}, symbols);
  const { fused = false } = options;
  return inferGraph(model.graph, {
    opsets: model.opsetImports,
    symbols,
    outer: () => undefined,
    inputs,
    fused,
  });
}

interface Scope {
  readonly opsets: ReadonlyMap<string, number>;
  readonly symbols: ReadonlyMap<string, number>;
  /** Facts of the tensors around a subgraph. */
  readonly outer: (name: string) => TensorFacts | undefined;
  readonly inputs: ReadonlyMap<string, TensorFacts>;
  readonly fused: boolean;
}

function inferGraph(graph: OnnxGraph, scope: Scope): Map<string, TensorFacts> {
  const known = new Map<string, TensorFacts>();
  for (const [name, weight] of graph.initializers) known.set(name, weightFacts(weight));
  for (const [name, input] of scope.inputs) known.set(name, input);
  const declared = new Map([
    ...graph.valueInfo,
    ...graph.outputs.map((output) => [output.name, output] as const),
  ]);
  const find = (name: string): TensorFacts | undefined =>
    name === '' ? undefined : (known.get(name) ?? scope.outer(name) ?? UNKNOWN);
  for (const node of dependenciesOf(graph).order) {
    const outputs = inferNode(node, scope, find, known);
    for (const [position, name] of node.outputs.entries()) {
      if (name !== '')
        known.set(name, withDeclared(outputs[position] ?? UNKNOWN, declared.get(name), scope.symbols));
    }
  }
  return known;
}

function inferNode(
  node: OnnxNode,
  scope: Scope,
  find: (name: string) => TensorFacts | undefined,
  known: ReadonlyMap<string, TensorFacts>,
): readonly TensorFacts[] {
  const inferBranch = (graph: OnnxGraph): TensorFacts[] => {
    const outer = (name: string) => known.get(name) ?? scope.outer(name);
    const inner = inferGraph(graph, { ...scope, outer, inputs: new Map() });
    return graph.outputs.map(({ name }) => inner.get(name) ?? outer(name) ?? UNKNOWN);
  };
  const opset = scope.opsets.get(node.domain === 'ai.onnx' ? '' : node.domain) ?? 1;
  return inferOutputs({ node, opset, inputs: node.inputs.map(find), inferBranch }, scope.fused);
}

/** Fills what inference left open with what the model declares. */
function withDeclared(
  inferred: TensorFacts,
  declared: ValueInfo | undefined,
  symbols: ReadonlyMap<string, number>,
): TensorFacts {
  if (declared === undefined) return inferred;
  const dtype = inferred.dtype ?? declared.dtype;
  const said = declared.dims?.map((dim) => bind(dim, symbols));
  if (inferred.dims === undefined) return { ...inferred, dtype, dims: said };
  if (said?.length !== inferred.dims.length) return { ...inferred, dtype };
  return { ...inferred, dtype, dims: inferred.dims.map((dim, axis) => dim ?? said[axis] ?? null) };
}

function bind(dim: Dim, symbols: ReadonlyMap<string, number>): Dim {
  return typeof dim === 'string' ? (symbols.get(dim) ?? dim) : dim;
}

function inputFacts(
  graph: OnnxGraph,
  inputDims: Readonly<Record<string, readonly number[]>>,
  symbols: Map<string, number>,
): Map<string, TensorFacts> {
  const declared = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  for (const name of Object.keys(inputDims)) checkGiven(name, inputDims[name]!, declared);
  for (const { name, dims } of declared) {
    for (const [axis, dim] of (dims ?? []).entries()) {
      const given = inputDims[name]?.[axis];
      if (typeof dim === 'string' && given !== undefined && !symbols.has(dim)) symbols.set(dim, given);
    }
  }
  return new Map(
    declared.map(({ name, dtype, dims }) => {
      const given = inputDims[name];
      return [name, { dtype, dims: given ? [...given] : dims?.map((dim) => bind(dim, symbols)) }];
    }),
  );
}

function checkGiven(name: string, given: readonly number[], inputs: readonly ValueInfo[]): void {
  const input = inputs.find((candidate) => candidate.name === name);
  if (input === undefined) {
    throw new CacheQuantError('invalid-argument', 'the graph has no such input', {
      where: `inputDims.${name}`,
      expected: `one of ${inputs.map((candidate) => candidate.name).join(', ')}`,
      got: name,
    });
  }
  const fits =
    given.every((dim) => Number.isInteger(dim) && dim >= 0) &&
    (input.dims === undefined ||
      (input.dims.length === given.length &&
        input.dims.every((dim, axis) => typeof dim !== 'number' || dim === given[axis])));
  if (!fits) {
    throw new CacheQuantError('invalid-argument', 'the shape does not fit the input', {
      where: `inputDims.${name}`,
      expected: showDims(input.dims),
      got: showDims(given),
    });
  }
}
