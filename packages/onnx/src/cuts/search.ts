import { CacheQuantError, type InPieces } from '@cachequant/tensor';
import { constantTensors } from '../analyze/constant-tensors.js';
import { countMultiplyAdds, type MultiplyAdds } from '../analyze/count-multiply-adds.js';
import { type Dependencies, dependenciesOf } from '../analyze/dependencies.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import type { TensorFacts } from '../shapes/facts.js';

/** A model with everything that the search for cuts asks of it. */
export interface CutSearch {
  readonly model: OnnxModel;
  readonly shapes: ReadonlyMap<string, TensorFacts>;
  readonly dependencies: Dependencies;
  readonly arithmetic: MultiplyAdds;
  readonly constants: ReadonlySet<string>;
  /** How much was looked at, in steps over nodes; see `countSteps`. */
  steps: number;
}

/**
 * Steps that a search may take for each node of the graph. Published models take less than twenty; a graph where every
 * node leads to every other would take as many as it has nodes.
 */
const STEPS_PER_NODE = 64;
const STEPS_AT_LEAST = 250_000;

/** @throws CacheQuantError `unsupported` when the graph is too entangled for a search that comes to an end */
export function countSteps(search: CutSearch, steps: number): void {
  search.steps += steps;
  const most = Math.max(STEPS_AT_LEAST, STEPS_PER_NODE * search.dependencies.order.length);
  if (search.steps <= most) return;
  throw new CacheQuantError('unsupported', 'the graph is too entangled to look for places to cut', {
    where: `graph '${search.model.graph.name}'`,
    expected: `at most ${most} steps`,
    got: `more, for ${search.dependencies.order.length} nodes`,
  });
}

export function* startSearch(
  model: OnnxModel,
  inputDims: Readonly<Record<string, readonly number[]>>,
): InPieces<CutSearch> {
  const shapes = inferShapes(model, { inputDims });
  yield;
  const dependencies = dependenciesOf(model.graph);
  yield;
  const arithmetic = countMultiplyAdds(model, shapes);
  yield;
  const constants = constantTensors(model.graph, dependencies);
  return { model, shapes, dependencies, arithmetic, constants, steps: 0 };
}

/** Nodes that read a tensor's size and not its elements. */
const SIZE_ONLY = new Set(['Shape', 'Size']);

/** Whether the elements of `to` are computed from those of `from`. */
export function isAncestor(search: CutSearch, from: string, to: string): boolean {
  const { dependencies, constants } = search;
  if (constants.has(from)) return false;
  const { producers, depths, reads } = dependencies;
  const origin = producers.get(from);
  const shallowest = origin === undefined ? 0 : depths.get(origin)!;
  const seen = new Set<OnnxNode>();
  const pending = [to];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const node = producers.get(name);
    if (node === undefined || seen.has(node) || depths.get(node)! <= shallowest || SIZE_ONLY.has(node.opType))
      continue;
    seen.add(node);
    countSteps(search, 1);
    const inputs = reads(node);
    if (inputs.includes(from)) return true;
    pending.push(...inputs);
  }
  return false;
}
