import type { InPieces } from '@cachequant/tensor';
import type { ResidualDeltaCut } from './candidate.js';
import { PostDominators } from './post-dominators.js';
import { findResidualStreams, type ResidualStream } from './residual-stream.js';
import { LEAST_SAVING, RangeShares } from './savings.js';
import { type CutSearch, countSteps } from './search.js';

export const MOST_CANDIDATES = 32;

/** Streams that are looked at, the longest; published models have one or two. */
const MOST_STREAMS = 16;

/** Ranges of a stream that are looked at: all of them up to 316 blocks. */
const MOST_RANGES = 50_000;
const RANGES_PER_BLOCK = 64;

/** Some milliseconds. */
const RANGES_A_PIECE = 1000;

/** Share of the multiply-adds that the best cut leaves in the cached graph: 14 of 28 blocks of DiT-XL/2. */
const PREFERRED_SHARE = 0.5;

type RankedCut = Omit<ResidualDeltaCut, 'id'> & { readonly penalty: number; readonly range: string };

/**
 * Cuts that cache the change of a transformer's residual stream across a range of blocks, the best first.
 *
 * At least one block is kept at either end. The best range leaves about half of the multiply-adds, and as many blocks
 * before it as after it: |share − 1/2| + |before − after| / blocks is smallest. At most 32 cuts are returned.
 * Complexity: O(n log n) for n nodes. Of the 16 longest streams the most balanced ranges are looked at, until no other
 * can be among the best: all of them up to 316 blocks, 64 a block beyond.
 * Source: Chen et al., Δ-DiT, 2024, https://arxiv.org/abs/2406.01125; Liu et al., CacheQuant, CVPR 2025.
 */
export function* findResidualDeltaCuts(
  search: CutSearch,
  all: readonly ResidualStream[] = findResidualStreams(search),
): InPieces<ResidualDeltaCut[]> {
  const long = all.filter((stream) => stream.length > FEWEST_BLOCKS).slice(0, MOST_STREAMS);
  if (long.length === 0) return [];
  const tree = new PostDominators(search.model.graph, search.dependencies);
  countSteps(search, tree.work);
  const streams: RankedCut[][] = [];
  for (const stream of long) {
    const cuts = yield* rangesOf(search, tree, stream);
    if (cuts.length > 0) streams.push(cuts);
  }
  streams.sort((a, b) => leastShare(a) - leastShare(b));
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

/** Blocks of the shortest stream with a range to cache: one that is kept at either end. */
const FEWEST_BLOCKS = 3;

function* rangesOf(search: CutSearch, tree: PostDominators, stream: ResidualStream): InPieces<RankedCut[]> {
  const shares = new RangeShares(search, tree, stream);
  const outputs = new Set(search.model.graph.outputs.map(({ name }) => name));
  const ranges = yield* bestRanges(search, { chain: stream, shares, blocks: stream.length - 1, outputs });
  return ranges.map((range) => toCut(search, stream, range));
}

/** A stream whose ranges are looked at. */
export interface RangedStream {
  readonly chain: readonly string[];
  readonly shares: RangeShares;
  /** One more than the chain leads through where a block follows its last tensor. */
  readonly blocks: number;
  /** Of the graph. */
  readonly outputs: ReadonlySet<string>;
}

/** The ranges of a stream with the smallest penalties, the best first. */
export function* bestRanges(
  search: CutSearch,
  { chain, shares, blocks, outputs }: RangedStream,
): InPieces<readonly RankedRange[]> {
  const best = new BestRanges();
  let looked = 0;
  for (const [from, to] of balancedFirst(blocks)) {
    const imbalance = Math.abs(from - (blocks - to)) / blocks;
    if (best.isFull && imbalance > best.worst) break;
    if (++looked > Math.max(MOST_RANGES, RANGES_PER_BLOCK * blocks)) break;
    if (looked % RANGES_A_PIECE === 0) yield;
    const cachedShare = shares.between(from, to) ?? 1;
    if (outputs.has(chain[to]!) || cachedShare > 1 - LEAST_SAVING) continue;
    best.add({ from, to, cachedShare, penalty: Math.abs(cachedShare - PREFERRED_SHARE) + imbalance });
  }
  countSteps(search, looked);
  return best.ranges;
}

export interface RankedRange {
  readonly from: number;
  readonly to: number;
  readonly cachedShare: number;
  readonly penalty: number;
}

function byRank(a: RankedRange, b: RankedRange): number {
  return a.penalty - b.penalty || a.cachedShare - b.cachedShare || a.from - b.from || a.to - b.to;
}

/** The ranges with the smallest penalties so far. */
class BestRanges {
  readonly ranges: RankedRange[] = [];

  get isFull(): boolean {
    return this.ranges.length === MOST_CANDIDATES;
  }

  get worst(): number {
    return this.ranges.at(-1)?.penalty ?? Number.POSITIVE_INFINITY;
  }

  add(range: RankedRange): void {
    if (this.isFull && byRank(range, this.ranges.at(-1)!) >= 0) return;
    if (this.isFull) this.ranges.pop();
    const after = this.ranges.findIndex((other) => byRank(range, other) < 0);
    this.ranges.splice(after < 0 ? this.ranges.length : after, 0, range);
  }
}

/** All ranges that keep a block at either end, those first that keep as many before as after. */
function* balancedFirst(blocks: number): Generator<[from: number, to: number]> {
  for (let imbalance = 0; imbalance <= blocks; imbalance++) {
    for (const shift of imbalance === 0 ? [0] : [-imbalance, imbalance]) {
      const last = Math.ceil((blocks + shift) / 2) - 1;
      for (let from = Math.max(1, 1 + shift); from <= last; from++) {
        const to = blocks - from + shift;
        if (to > from && to < blocks) yield [from, to];
      }
    }
  }
}

function toCut(search: CutSearch, stream: ResidualStream, range: RankedRange): RankedCut {
  const { from, to, cachedShare, penalty } = range;
  const { dtype, dims } = search.shapes.get(stream[to]!)!;
  return {
    kind: 'residual-delta',
    start: stream[from]!,
    end: stream[to]!,
    blocks: { before: from, cached: to - from, after: stream.length - 1 - to },
    cachedShare,
    cacheDims: [...dims!],
    dtype: dtype!,
    penalty,
    range: `${from}-${to}`,
  };
}
