import type { ResidualDeltaCut } from './candidate.js';
import { findResidualStreams, type ResidualStream } from './residual-stream.js';
import { type CutSearch, LEAST_SAVING, shareAfterCut } from './search.js';

const MOST_CANDIDATES = 32;

/** Share of the multiply-adds that the best cut leaves in the cached graph: 14 of 28 blocks of DiT-XL/2. */
const PREFERRED_SHARE = 0.5;

type RankedCut = Omit<ResidualDeltaCut, 'id'> & { readonly penalty: number; readonly range: string };

/**
 * Cuts that cache the change of a transformer's residual stream across a range of blocks, the best first.
 *
 * At least one block is kept at either end. The best range leaves about half of the multiply-adds, and as many blocks
 * before it as after it: |share − 1/2| + |before − after| / blocks is smallest. At most 32 cuts are returned.
 * Source: Chen et al., Δ-DiT, 2024, https://arxiv.org/abs/2406.01125; Liu et al., CacheQuant, CVPR 2025.
 */
export function findResidualDeltaCuts(search: CutSearch): ResidualDeltaCut[] {
  const streams = findResidualStreams(search)
    .map((stream) => rangesOf(search, stream))
    .filter((cuts) => cuts.length > 0)
    .sort((a, b) => leastShare(a) - leastShare(b));
  return streams
    .flatMap((cuts, stream) => cuts.map((cut) => ({ ...cut, stream })))
    .sort((a, b) => a.penalty - b.penalty || a.cachedShare - b.cachedShare)
    .slice(0, MOST_CANDIDATES)
    .map(({ penalty: _, range, stream, ...cut }) => ({
      id: stream === 0 ? `residual-delta-${range}` : `residual-delta-${range}-stream-${stream + 1}`,
      ...cut,
    }));
}

function leastShare(cuts: readonly RankedCut[]): number {
  return cuts.reduce((least, { cachedShare }) => Math.min(least, cachedShare), 1);
}

function rangesOf(search: CutSearch, stream: ResidualStream): RankedCut[] {
  const blocks = stream.length - 1;
  const outputs = new Set(search.model.graph.outputs.map(({ name }) => name));
  const cuts: RankedCut[] = [];
  for (let from = 1; from < blocks - 1; from++) {
    for (let to = from + 1; to < blocks; to++) {
      const start = stream[from]!;
      const end = stream[to]!;
      const cachedShare = shareAfterCut(search, end, [start]) ?? 1;
      if (outputs.has(end) || cachedShare > 1 - LEAST_SAVING) continue;
      const { dtype, dims } = search.shapes.get(end)!;
      const imbalance = Math.abs(from - (blocks - to)) / blocks;
      cuts.push({
        kind: 'residual-delta',
        start,
        end,
        blocks: { before: from, cached: to - from, after: blocks - to },
        cachedShare,
        cacheDims: [...dims!],
        dtype: dtype!,
        penalty: Math.abs(cachedShare - PREFERRED_SHARE) + imbalance,
        range: `${from}-${to}`,
      });
    }
  }
  return cuts;
}
