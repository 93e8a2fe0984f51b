import { constantTensors } from '../constants.js';
import { countMultiplyAdds, type MultiplyAdds } from '../count-multiply-adds.js';
import { type Dependencies, dependenciesOf } from '../dependencies.js';
import { inferShapes } from '../infer-shapes.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import type { TensorFacts } from '../shapes/facts.js';

/** A model with everything that the search for cuts asks of it. */
export interface CutSearch {
  readonly model: OnnxModel;
  readonly shapes: ReadonlyMap<string, TensorFacts>;
  readonly dependencies: Dependencies;
  readonly arithmetic: MultiplyAdds;
  readonly constants: ReadonlySet<string>;
}

export function startSearch(
  model: OnnxModel,
  inputDims: Readonly<Record<string, readonly number[]>>,
): CutSearch {
  const shapes = inferShapes(model, { inputDims });
  const dependencies = dependenciesOf(model.graph);
  const arithmetic = countMultiplyAdds(model, shapes);
  return { model, shapes, dependencies, arithmetic, constants: constantTensors(model.graph, dependencies) };
}

/** Nodes that read a tensor's size and not its elements. */
const SIZE_ONLY = new Set(['Shape', 'Size']);

/** Whether the elements of `to` are computed from those of `from`. */
export function isAncestor({ dependencies, constants }: CutSearch, from: string, to: string): boolean {
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
    const inputs = reads(node);
    if (inputs.includes(from)) return true;
    pending.push(...inputs);
  }
  return false;
}

/**
 * Share of the multiply-adds that is left when `cut` comes from `sources` instead of its producer.
 * @returns undefined when nothing would use the cut tensor
 */
export function shareAfterCut(
  search: CutSearch,
  cut: string,
  sources: readonly string[],
): number | undefined {
  const { dependencies, arithmetic, model } = search;
  const seen = new Set<OnnxNode>();
  const pending = model.graph.outputs.map(({ name }) => name);
  let reached = false;
  let left = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === cut) {
      if (!reached) pending.push(...sources);
      reached = true;
      continue;
    }
    const node = dependencies.producers.get(name);
    if (node === undefined || seen.has(node)) continue;
    seen.add(node);
    left += arithmetic.byNode.get(node)?.macs ?? 0;
    pending.push(...dependencies.reads(node));
  }
  return reached && arithmetic.total > 0 ? left / arithmetic.total : undefined;
}

/** A cut has to save at least this share of the multiply-adds. */
export const LEAST_SAVING = 0.01;
