import { CacheQuantError } from '@cachequant/tensor';
import { inferShapes } from '../analyze/infer-shapes.js';
import { usedNames } from '../analyze/subgraph.js';
import { topologicalSort } from '../analyze/topological-sort.js';
import { cloneModel } from '../edit/clone-model.js';
import { removeDeadNodes } from '../edit/dead-nodes.js';
import { freshName, freshNodeName } from '../edit/fresh-name.js';
import { replaceUses } from '../edit/replace-uses.js';
import { elementTypeOf } from '../element-types.js';
import type { Dim, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from '../model.js';
import { makeNode } from '../node.js';
import { addJointDelta, appendJointDelta } from './apply-joint-delta.js';
import type { CutCandidate, ResidualDeltaCut } from './candidate.js';

/** A model split at a cut. */
export interface SplitModel {
  /** The whole graph, with the cached tensor as an extra output. */
  readonly full: OnnxModel;
  /** What still has to run when the cached tensor is an extra input. */
  readonly cached: OnnxModel;
  /** Name of the extra output and input. */
  readonly cacheName: string;
}

/**
 * Splits a model at a cut that `findCuts` found in it; the model itself stays as it is.
 *
 * Outputs keep their names, weights share their bytes with the model's. The cached graph has only the inputs that it
 * reads. Open dimensions of the model stay open in the cached tensor.
 * @throws CacheQuantError `invalid-argument` when the model has not got the candidate's tensors
 */
export function applyCut(model: OnnxModel, candidate: CutCandidate): SplitModel {
  for (const name of tensorsOf(candidate)) requireInnerTensor(model.graph, name);
  const cacheName = freshName(model.graph, 'cached_features');
  const cache: ValueInfo = {
    name: cacheName,
    dtype: candidate.dtype,
    elementType: elementTypeOf(candidate.dtype),
    dims: cacheDims(model, candidate),
  };
  const [full, cached] = [cloneModel(model), cloneModel(model)];
  if (candidate.kind === 'up-concat') {
    renameTensor(full.graph, candidate.tensor, cacheName);
    replaceUses(cached.graph, candidate.tensor, cacheName);
  } else if (candidate.kind === 'residual-delta') {
    appendDelta(full.graph, candidate, cacheName);
    addDelta(cached.graph, candidate, cacheName);
  } else {
    appendJointDelta(full.graph, candidate, cacheName);
    addJointDelta(cached.graph, candidate, cacheName, (end) => setAside(cached.graph, end));
  }
  full.graph.outputs.push(cache);
  cached.graph.inputs.push({ ...cache });
  finish(full.graph);
  finish(cached.graph);
  dropUnreadInputs(cached.graph);
  return { full, cached, cacheName };
}

function tensorsOf(candidate: CutCandidate): readonly string[] {
  if (candidate.kind === 'up-concat') return [candidate.tensor];
  return [candidate.start, candidate.end].flat();
}

/** Of the cached tensor in the model, whose sizes may be open. */
function cacheDims(model: OnnxModel, candidate: CutCandidate): Dim[] {
  const ends = candidate.kind === 'up-concat' ? [candidate.tensor] : [candidate.end].flat();
  const shapes = inferShapes(model);
  const dims = shapes.get(ends[0]!)?.dims ?? candidate.cacheDims.map(() => null);
  return ends.length === 1 ? [...dims] : dims.map((dim, axis) => (axis === 1 ? null : dim));
}

function requireInnerTensor(graph: OnnxGraph, name: string): void {
  if (graph.nodes.some(({ outputs }) => outputs.includes(name))) return;
  throw new CacheQuantError('invalid-argument', 'no node makes the tensor to cut at', {
    where: `graph "${graph.name}"`,
    got: name,
    hint: 'Apply a cut to the model that findCuts found it in.',
  });
}

function producerOf(graph: OnnxGraph, tensor: string): OnnxNode {
  return graph.nodes.find(({ outputs }) => outputs.includes(tensor))!;
}

function renameOutput(node: OnnxNode, from: string, to: string): void {
  node.outputs = node.outputs.map((name) => (name === from ? to : name));
}

function renameTensor(graph: OnnxGraph, from: string, to: string): void {
  renameOutput(producerOf(graph, from), from, to);
  replaceUses(graph, from, to);
  graph.valueInfo.delete(from);
}

function appendDelta(graph: OnnxGraph, { start, end }: ResidualDeltaCut, cacheName: string): void {
  graph.nodes.push(
    makeNode('Sub', [end, start], [cacheName], {}, { name: freshNodeName(graph, 'cache_delta') }),
  );
}

/** Lets another node make a tensor: what made it until now gives it another name. */
function setAside(graph: OnnxGraph, tensor: string): void {
  renameOutput(producerOf(graph, tensor), tensor, freshName(graph, `${tensor}_uncached`));
}

/** The stream after the range keeps its name, and comes from the stream before it. */
function addDelta(graph: OnnxGraph, { start, end }: ResidualDeltaCut, cacheName: string): void {
  setAside(graph, end);
  const name = freshNodeName(graph, 'apply_cached_delta');
  graph.nodes.push(makeNode('Add', [start, cacheName], [end], {}, { name }));
}

function finish(graph: OnnxGraph): void {
  removeDeadNodes(graph);
  topologicalSort(graph);
}

function dropUnreadInputs(graph: OnnxGraph): void {
  const read = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) for (const name of usedNames(node)) read.add(name);
  graph.inputs = graph.inputs.filter(({ name }) => read.has(name));
}
