import type { InPieces } from '@cachequant/tensor';
import type { OnnxNode } from '../model.js';
import { getInt } from '../node.js';
import { isFloat } from '../shapes/facts.js';
import type { UpConcatCut } from './candidate.js';
import { PostDominators } from './post-dominators.js';
import { LEAST_SAVING, TensorShares } from './savings.js';
import { type CutSearch, isAncestor } from './search.js';

/**
 * Cuts at the concatenations where a U-Net's way up takes in its skip connections, the cheapest cached graph first.
 *
 * Such a concatenation joins two float feature maps along the channels, and one of them (the skip) is an ancestor
 * of the other, which is what gets cached. Source: Ma, Fang, Wang, DeepCache, CVPR 2024, https://arxiv.org/abs/2312.00858.
 */
export function* findUpConcatCuts(search: CutSearch): InPieces<UpConcatCut[]> {
  const { depths, producers } = search.dependencies;
  const tensors = new Set<string>();
  for (const node of search.dependencies.order) {
    if (!isFeatureConcat(search, node)) continue;
    yield;
    const tensor = deepInput(search, node);
    if (tensor !== undefined) tensors.add(tensor);
  }
  if (tensors.size === 0) return [];
  const shares = new TensorShares(search, new PostDominators(search.model.graph, search.dependencies));
  const outputs = new Set(search.model.graph.outputs.map(({ name }) => name));
  const depthOf = (tensor: string): number => depths.get(producers.get(tensor)!)!;
  const shared = [...tensors]
    .filter((tensor) => !outputs.has(tensor))
    .map((tensor) => ({ tensor, cachedShare: shares.after(tensor) }))
    .filter(
      (cut): cut is { tensor: string; cachedShare: number } => (cut.cachedShare ?? 1) <= 1 - LEAST_SAVING,
    )
    .sort((a, b) => a.cachedShare - b.cachedShare || depthOf(b.tensor) - depthOf(a.tensor));
  return shared.map(({ tensor, cachedShare }, position) => {
    const { dtype, dims } = search.shapes.get(tensor)!;
    return {
      id: `up-concat-${position + 1}`,
      kind: 'up-concat',
      tensor,
      cachedShare,
      cacheDims: [...dims!],
      dtype: dtype!,
    };
  });
}

function isFeatureConcat({ shapes }: CutSearch, node: OnnxNode): boolean {
  if (node.opType !== 'Concat' || node.inputs.length !== 2) return false;
  const axis = getInt(node, 'axis', 0);
  const featureMap = (name: string): boolean => {
    const { dtype, dims } = shapes.get(name) ?? { dtype: null, dims: undefined };
    return isFloat(dtype) && dims?.length === 4;
  };
  return (axis === 1 || axis === -3) && node.inputs.every(featureMap);
}

/** The input of a concatenation that depends on the other, or on what the residual of a ControlNet was added to there. */
function deepInput(search: CutSearch, node: OnnxNode): string | undefined {
  const [first, second] = node.inputs as [string, string];
  const isSkipOf = (skip: string, deep: string) =>
    [skip, ...addends(search, skip)].some((tensor) => isAncestor(search, tensor, deep));
  if (isSkipOf(second, first)) return first;
  return isSkipOf(first, second) ? second : undefined;
}

function addends({ dependencies }: CutSearch, tensor: string): readonly string[] {
  const node = dependencies.producers.get(tensor);
  return node?.opType === 'Add' ? node.inputs : [];
}
