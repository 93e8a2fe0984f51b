import type { InPieces } from '@cachequant/tensor';
import { dependenciesOf } from '../analyze/dependencies.js';
import { cloneModel } from '../edit/clone-model.js';
import { freshName } from '../edit/fresh-name.js';
import { replaceUses } from '../edit/replace-uses.js';
import { makeNode } from '../node.js';
import type { JointDeltaCut } from './candidate.js';
import type { JointState } from './joint-stream.js';
import { PostDominators } from './post-dominators.js';
import { bestRanges, MOST_CANDIDATES, type RankedRange } from './residual-delta.js';
import { LEAST_SAVING, RangeShares } from './savings.js';
import { type CutSearch, countSteps } from './search.js';

/** Blocks that the cheapest cuts leave after the range; nothing before it. */
const LAST_BLOCKS = [1, 2, 4];

/**
 * Cuts that cache the change of two streams at once across a range of blocks that read each other, and of the stream
 * that they are joined to, the best first: a cached call needs neither of the two within the range. Ranked as the cuts of
 * one stream are; behind them come those after which only the last blocks are left.
 * @param states at the boundaries of the blocks
 */
export function* findJointDeltaCuts(
  search: CutSearch,
  states: readonly JointState[],
): InPieces<JointDeltaCut[]> {
  const outputs = new Set(search.model.graph.outputs.map(({ name }) => name));
  const usable = states.filter((state) => !state.some((name) => outputs.has(name)));
  const { chain, shares } = joinedShares(search, usable);
  // What follows the last pair is a block that only one stream leaves.
  const blocks = states.at(-1)!.length > 1 ? chain.length : chain.length - 1;
  const ranked = yield* bestRanges(search, { chain, shares, blocks, outputs });
  const lastOnly = LAST_BLOCKS.map((after) => blocks - after)
    .filter((to) => to > 0 && to < chain.length)
    .map((to) => ({ from: 0, to, cachedShare: shares.between(0, to) ?? 1 }))
    .filter(({ cachedShare }) => cachedShare <= 1 - LEAST_SAVING);
  return [...ranked.slice(0, MOST_CANDIDATES - lastOnly.length), ...lastOnly].map((range) =>
    toCut(search, usable, blocks, range),
  );
}

/** The states as one stream, of a graph in which the tensors of each are joined and cut apart again. */
function joinedShares(search: CutSearch, states: readonly JointState[]) {
  const { graph } = cloneModel(search.model);
  const costs = search.model.graph.nodes.map((node) => search.arithmetic.byNode.get(node));
  const byNode = new Map(graph.nodes.flatMap((node, i) => (costs[i] ? [[node, costs[i]] as const] : [])));
  const chain = states.map((state, at) => {
    if (state.length === 1) return state[0]!;
    const joined = freshName(graph, `joint_state_${at}`);
    const apart = state.map((_, part) => `${joined}_${part}`);
    for (const [part, name] of state.entries()) replaceUses(graph, name, apart[part]!);
    graph.nodes.push(makeNode('Concat', [...state], [joined], { axis: 1 }));
    graph.nodes.push(makeNode('Split', [joined], apart, { axis: 1 }));
    return joined;
  });
  const dependencies = dependenciesOf(graph);
  const tree = new PostDominators(graph, dependencies);
  countSteps(search, tree.work);
  const arithmetic = { ...search.arithmetic, byNode };
  return { chain, shares: new RangeShares({ dependencies, arithmetic }, tree, chain) };
}

function toCut(
  { shapes }: CutSearch,
  states: readonly JointState[],
  blocks: number,
  { from, to, cachedShare }: Pick<RankedRange, 'from' | 'to' | 'cachedShare'>,
): JointDeltaCut {
  const [start, end] = [states[from]!, states[to]!];
  const parts = end.map((name) => shapes.get(name)!);
  const [batch, , channels] = parts[0]!.dims!;
  const tokens = parts.reduce((sum, { dims }) => sum + Number(dims![1]), 0);
  return {
    kind: 'joint-delta',
    id: `joint-delta-${from}-${to}`,
    start: [...start],
    end: [...end],
    blocks: { before: from, cached: to - from, after: blocks - to },
    cachedShare,
    cacheDims: [batch!, tokens, channels!],
    dtype: parts[0]!.dtype!,
  };
}
