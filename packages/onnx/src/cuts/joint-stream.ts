import { CacheQuantError } from '@cachequant/tensor';
import { getInt } from '../node.js';
import type { ResidualStream } from './residual-stream.js';
import { type CutSearch, isAncestor } from './search.js';

/** What flows between two blocks: the tensors of both streams, or the one tensor that they were joined to. */
export type JointState = readonly string[];

/** Streams that pairs are looked for in, the longest. */
const MOST_STREAMS = 4;

/**
 * Two residual streams whose blocks read each other, such as those of an image and its text, as the states between their
 * blocks; where the two are joined to a third, its states follow. The tensors of a state are in the order in which they
 * are joined.
 * @param streams [B, L, D] each, the longest first
 * @returns undefined where no two streams read each other
 */
export function findJointStream(
  search: CutSearch,
  streams: readonly ResidualStream[],
): readonly JointState[] | undefined {
  const long = streams.slice(0, MOST_STREAMS).filter((stream) => stream.length > 2);
  // Streams that have nothing to do with each other are not worth an end of the whole search.
  const own = { ...search, steps: 0 };
  try {
    for (const [first, second] of pairsOf(long)) {
      const pairs = pairedStates(own, first, second);
      if (pairs.length > 1) return followed(own, pairs, streams);
    }
  } catch (error) {
    if (!CacheQuantError.is(error) || error.code !== 'unsupported') throw error;
  }
  return undefined;
}

function* pairsOf(streams: readonly ResidualStream[]): Generator<[ResidualStream, ResidualStream]> {
  for (const first of streams) {
    for (const second of streams)
      if (first !== second && first.length >= second.length) yield [first, second];
  }
}

/**
 * For each tensor of the second stream the last one of the first that neither makes it nor is made of it: given both,
 * nothing before them is needed.
 */
function pairedStates(search: CutSearch, first: ResidualStream, second: ResidualStream): JointState[] {
  if (!areJoinable(search, first[0]!, second[0]!) || !readEachOther(search, first, second)) return [];
  const pairs: [string, string][] = [];
  let at = 0;
  for (const tensor of first) {
    while (at + 1 < second.length && !isAncestor(search, tensor, second[at + 1]!)) at += 1;
    const other = second[at]!;
    if (isAncestor(search, tensor, other) || isAncestor(search, other, tensor)) continue;
    if (pairs.at(-1)?.[1] === other) pairs.pop();
    pairs.push([tensor, other]);
  }
  return pairs;
}

/** Side by side along the tokens. */
function areJoinable({ shapes }: CutSearch, first: string, second: string): boolean {
  const [a, b] = [shapes.get(first), shapes.get(second)];
  const isStream = a?.dims?.length === 3 && b?.dims?.length === 3 && a.dtype === b.dtype;
  return isStream && a.dims[0] === b.dims[0] && a.dims[2] === b.dims[2];
}

function readEachOther(search: CutSearch, first: ResidualStream, second: ResidualStream): boolean {
  return isAncestor(search, first[0]!, second[1]!) && isAncestor(search, second[0]!, first[1]!);
}

/** The states of the stream that the last pair is joined to, in place of that pair. */
function followed(
  { dependencies }: CutSearch,
  pairs: readonly JointState[],
  streams: readonly ResidualStream[],
): readonly JointState[] {
  const last = new Set(pairs.at(-1));
  const next = streams.find(([head]) => {
    const node = dependencies.producers.get(head!);
    const joins = node?.opType === 'Concat' && [1, -2].includes(getInt(node, 'axis', 0));
    return joins && node.inputs.length === last.size && node.inputs.every((name) => last.has(name));
  });
  if (next === undefined) return pairs;
  const isSwapped = dependencies.producers.get(next[0]!)!.inputs[0] !== pairs.at(-1)![0];
  const before = pairs.slice(0, -1).map((pair) => (isSwapped ? [...pair].reverse() : pair));
  return [...before, ...next.map((tensor) => [tensor])];
}
