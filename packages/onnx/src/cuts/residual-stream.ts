import type { OnnxNode } from '../model.js';
import { isFloat } from '../shapes/facts.js';
import { operatorKey } from '../shapes/registry.js';
import { type CutSearch, countSteps, isAncestor } from './search.js';

/** An Add whose one input, the stream, goes around the branch that makes the other from it. */
interface ResidualAdd {
  readonly node: OnnxNode;
  readonly stream: string;
  readonly branch: string;
}

/** A residual stream at the boundaries of its blocks: block k leads from tensor k to tensor k + 1. */
export type ResidualStream = readonly string[];

/** The residual streams of a graph, each a maximal chain of residual Adds, the longest first. */
export function findResidualStreams(search: CutSearch): ResidualStream[] {
  const adds = new Map<string, ResidualAdd>();
  for (const node of search.dependencies.order) {
    const add = residualAdd(search, node, adds);
    if (add !== undefined) adds.set(node.outputs[0]!, add);
  }
  return chainsOf(search, adds).map((chain) => blockBoundaries(search, chain));
}

function residualAdd(
  search: CutSearch,
  node: OnnxNode,
  adds: ReadonlyMap<string, ResidualAdd>,
): ResidualAdd | undefined {
  const [a, b] = node.inputs;
  if (node.opType !== 'Add' || a === undefined || b === undefined || !isStreamShaped(search, a, b))
    return undefined;
  if (isAncestor(search, a, b)) return { node, stream: a, branch: b };
  if (isAncestor(search, b, a)) return { node, stream: b, branch: a };
  if (isBeside(search, a, b, adds)) return { node, stream: a, branch: b };
  return isBeside(search, b, a, adds) ? { node, stream: b, branch: a } : undefined;
}

/** Whether a branch goes around the same stream as the Add before it: two attentions side by side. */
function isBeside(
  search: CutSearch,
  stream: string,
  branch: string,
  adds: ReadonlyMap<string, ResidualAdd>,
): boolean {
  const before = adds.get(behind(search, stream));
  return (
    before !== undefined && !adds.has(behind(search, branch)) && isAncestor(search, before.stream, branch)
  );
}

/** [B, L, D] or [B, C, H, W], the same on both sides. */
function isStreamShaped({ shapes }: CutSearch, a: string, b: string): boolean {
  const { dtype, dims } = shapes.get(a) ?? { dtype: null, dims: undefined };
  const other = shapes.get(b)?.dims;
  if (!isFloat(dtype) || dims === undefined || other?.length !== dims.length) return false;
  return (
    (dims.length === 3 || dims.length === 4) && dims.every((dim, axis) => dim !== null && dim === other[axis])
  );
}

const PASSING = new Set(['Identity', 'Dropout']);

/** The tensor behind nodes that hand it on unchanged. */
function behind({ dependencies }: CutSearch, tensor: string): string {
  let name = tensor;
  for (let node = dependencies.producers.get(name); node && PASSING.has(node.opType); ) {
    name = node.inputs[0]!;
    node = dependencies.producers.get(name);
  }
  return name;
}

/** Splits the forest of residual Adds (each hangs on the one that makes its stream) into longest chains. */
function chainsOf(search: CutSearch, adds: ReadonlyMap<string, ResidualAdd>): ResidualAdd[][] {
  const parents = new Map([...adds.values()].map((add) => [add, adds.get(behind(search, add.stream))]));
  const lengths = new Map<ResidualAdd, number>();
  for (const [add, parent] of parents)
    lengths.set(add, 1 + (parent === undefined ? 0 : lengths.get(parent)!));
  const ends = [...adds.values()].sort((a, b) => lengths.get(b)! - lengths.get(a)!);
  const taken = new Set<ResidualAdd>();
  const chains: ResidualAdd[][] = [];
  for (const end of ends) {
    const chain: ResidualAdd[] = [];
    for (let add: ResidualAdd | undefined = end; add && !taken.has(add); add = parents.get(add)) {
      taken.add(add);
      chain.push(add);
    }
    if (chain.length > 0) chains.push(chain.reverse());
  }
  return chains.sort((a, b) => b.length - a.length);
}

/** A transformer block is several residual Adds (attention, cross-attention, feed-forward) that repeat. */
function blockBoundaries(search: CutSearch, chain: readonly ResidualAdd[]): ResidualStream {
  const period = periodOf(chain.map((add) => branchSignature(search, add)));
  const inner = chain.filter((_, position) => (position + 1) % period === 0 || position === chain.length - 1);
  return [chain[0]!.stream, ...inner.map(({ node }) => node.outputs[0]!)];
}

/**
 * The smallest period of a list, or 1 when it does not repeat at least once; O(n).
 * Source: Knuth, Morris, Pratt, Fast Pattern Matching in Strings, 1977: the list's length less its longest border.
 */
function periodOf(signatures: readonly string[]): number {
  const borders = [0];
  for (let at = 1, border = 0; at < signatures.length; at++) {
    while (border > 0 && signatures[at] !== signatures[border]) border = borders[border - 1]!;
    if (signatures[at] === signatures[border]) border += 1;
    borders.push(border);
  }
  const period = signatures.length - borders.at(-1)!;
  return period <= signatures.length / 2 ? period : 1;
}

/** The layers and products of a branch with their sizes. */
function branchSignature(search: CutSearch, { stream, branch }: ResidualAdd): string {
  const { dependencies, arithmetic } = search;
  const { producers, depths, reads } = dependencies;
  const shallowest = depths.get(producers.get(stream)!) ?? 0;
  const found = new Set<OnnxNode>();
  const pending = [branch];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const node = producers.get(name);
    if (node === undefined || found.has(node) || depths.get(node)! <= shallowest) continue;
    found.add(node);
    countSteps(search, 1);
    pending.push(...reads(node));
  }
  const onTheWay = new Set([stream]);
  const signature: string[] = [];
  for (const node of [...found].sort((a, b) => depths.get(a)! - depths.get(b)!)) {
    if (!reads(node).some((name) => onTheWay.has(name))) continue;
    for (const name of node.outputs) onTheWay.add(name);
    const cost = arithmetic.byNode.get(node);
    if (cost !== undefined) signature.push(`${operatorKey(node)}:${cost.macs}:${cost.constantWeight}`);
  }
  return signature.sort().join(' ');
}
