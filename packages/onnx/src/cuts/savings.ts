import type { OnnxNode } from '../model.js';
import type { PostDominators } from './post-dominators.js';
import { RangeSums } from './range-sums.js';
import type { CutSearch } from './search.js';

/** A cut has to save at least this share of the multiply-adds. */
export const LEAST_SAVING = 0.01;

type Searched = Pick<CutSearch, 'dependencies' | 'arithmetic'>;

/** Share of the multiply-adds of a graph that is left when a tensor is given. */
export class TensorShares {
  readonly #before: readonly number[];
  readonly #total: number;

  constructor(
    { arithmetic }: Pick<CutSearch, 'arithmetic'>,
    readonly tree: PostDominators,
  ) {
    const cost = new Float64Array(tree.size + 1);
    for (const [node, { macs }] of arithmetic.byNode) {
      const place = tree.placeOf(node);
      if (place !== undefined) cost[place + 1]! += macs;
    }
    for (let place = 1; place < cost.length; place++) cost[place]! += cost[place - 1]!;
    this.#before = Array.from(cost);
    this.#total = arithmetic.total;
  }

  /** @returns undefined when no output needs the tensor, or nothing is multiplied */
  after(tensor: string): number | undefined {
    const below = this.tree.placesBelow(tensor);
    if (below === undefined || this.#total === 0) return undefined;
    const saved = this.#before[below.last]! - this.#before[below.first]!;
    return (this.#before.at(-1)! - saved) / this.#total;
  }
}

/** Share of the multiply-adds that is left when a tensor of a chain is given, and one before it still has to be made. */
export class RangeShares {
  readonly #sums: RangeSums;
  readonly #total: number;
  readonly #needed: number;

  /** @param chain tensors, each computed from those before it */
  constructor(
    { arithmetic, dependencies }: Searched,
    readonly tree: PostDominators,
    readonly chain: readonly string[],
  ) {
    const firstNeededBy = positionsInChain(dependencies, chain);
    const values = [...arithmetic.byNode].flatMap(([node, { macs }]) => {
      const place = tree.placeOf(node);
      const key = firstNeededBy.get(node) ?? chain.length;
      return place === undefined ? [] : [{ place, key, value: macs }];
    });
    this.#sums = new RangeSums(values);
    this.#total = arithmetic.total;
    this.#needed = values.reduce((sum, { value }) => sum + value, 0);
  }

  /** @returns undefined when no output needs the tensor at `to`, or nothing is multiplied */
  between(from: number, to: number): number | undefined {
    const below = this.tree.placesBelow(this.chain[to]!);
    if (below === undefined || this.#total === 0) return undefined;
    return (this.#needed - this.#sums.sum(below.first, below.last, from)) / this.#total;
  }
}

/** The first tensor of a chain that each node is needed for. */
function positionsInChain(
  { producers, reads }: CutSearch['dependencies'],
  chain: readonly string[],
): Map<OnnxNode, number> {
  const positions = new Map<OnnxNode, number>();
  for (const [position, tensor] of chain.entries()) {
    const pending = [tensor];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const node = producers.get(name);
      if (node === undefined || positions.has(node)) continue;
      positions.set(node, position);
      pending.push(...reads(node));
    }
  }
  return positions;
}
