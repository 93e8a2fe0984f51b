import { CacheQuantError, type DType, tensor } from '@cachequant/tensor';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../model.js';
import { weightOf } from '../read/read-weight.js';
import type { TensorFacts } from '../shapes/facts.js';
import { cloneModel } from './clone-model.js';
import { removeDeadNodes } from './dead-nodes.js';
import { freshName } from './fresh-name.js';

/**
 * Fixes dimensions of the graph's inputs and replaces the shape arithmetic that follows from them by
 * constants: integer tensors whose elements are known, and the target of every Reshape that has at most one
 * open dimension (which becomes −1, so a dynamic batch stays dynamic).
 *
 * Exported diffusion models spend hundreds of small nodes on shapes; a runtime executes each of them on
 * every call as long as one dimension of the input is open.
 * @param inputDims by input name; a dimension given as null stays as the graph declares it
 * @throws CacheQuantError `invalid-argument` for an input that is not there, or that has another rank or size
 */
export function freezeShapes(
  model: OnnxModel,
  inputDims: Readonly<Record<string, readonly (number | null)[]>>,
): OnnxModel {
  const frozen = cloneModel(model);
  const { graph } = frozen;
  for (const [name, dims] of Object.entries(inputDims)) fixInput(graph, name, dims);
  const facts = inferShapes(frozen);
  for (const node of graph.nodes) freezeReshape(graph, node, facts);
  graph.nodes = graph.nodes.filter((node) => !freezeConstant(graph, node, facts));
  for (const output of graph.outputs) output.dims = facts.get(output.name)?.dims ?? output.dims;
  graph.valueInfo.clear();
  removeDeadNodes(graph);
  return frozen;
}

function fixInput(graph: OnnxGraph, name: string, wanted: readonly (number | null)[]): void {
  const input = graph.inputs.find((candidate) => candidate.name === name);
  const declared = input?.dims ?? wanted;
  const fits =
    declared.length === wanted.length &&
    declared.every((dim, axis) => typeof dim !== 'number' || wanted[axis] === null || wanted[axis] === dim);
  if (!input || !fits) {
    throw new CacheQuantError('invalid-argument', 'these sizes do not fit the graph', {
      where: `input '${name}'`,
      expected: input ? `[${declared}]` : graph.inputs.map((candidate) => candidate.name).join(', '),
      got: `[${wanted}]`,
    });
  }
  input.dims = declared.map((dim, axis) => wanted[axis] ?? dim);
}

function freezeReshape(graph: OnnxGraph, node: OnnxNode, facts: ReadonlyMap<string, TensorFacts>): void {
  if (node.opType !== 'Reshape' || node.domain !== '') return;
  const dims = facts.get(node.outputs[0]!)?.dims;
  const open = dims?.filter((dim) => typeof dim !== 'number').length ?? 2;
  if (!dims || open > 1 || dims.includes(0)) return;
  const target = BigInt64Array.from(dims, (dim) => (typeof dim === 'number' ? BigInt(dim) : -1n));
  const name = freshName(graph, 'frozen_shape');
  graph.initializers.set(name, weightOf(tensor('int64', [target.length], target), name));
  node.inputs[1] = name;
}

/** Turns a node with one known integer output into an initializer; true when the node is to go. */
function freezeConstant(graph: OnnxGraph, node: OnnxNode, facts: ReadonlyMap<string, TensorFacts>): boolean {
  if (node.outputs.length !== 1 || node.opType === 'Constant') return false;
  const name = node.outputs[0]!;
  if (graph.outputs.some((output) => output.name === name)) return false;
  const { dtype, dims, values } = facts.get(name) ?? {};
  const numbers = values?.every((value): value is number => Number.isSafeInteger(value)) ? values : undefined;
  const build = numbers && BUILDERS[dtype ?? 'float32'];
  if (!build) return false;
  graph.initializers.set(name, weightOf(build(dims as number[], numbers as number[]), name));
  return true;
}

const BUILDERS: Partial<Record<DType, (dims: number[], values: number[]) => Parameters<typeof weightOf>[0]>> =
  {
    int64: (dims, values) => tensor('int64', dims, BigInt64Array.from(values, BigInt)),
    int32: (dims, values) => tensor('int32', dims, Int32Array.from(values)),
    bool: (dims, values) => tensor('bool', dims, Uint8Array.from(values)),
  };
