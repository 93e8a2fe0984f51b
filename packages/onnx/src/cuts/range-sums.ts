/** A number with a key, at a place. */
export interface KeyedValue {
  readonly place: number;
  readonly key: number;
  readonly value: number;
}

/** Entries of a node of the tree in the order of their keys, and the sums of their values from each on. */
interface Level {
  readonly keys: readonly number[];
  readonly sumFrom: readonly number[];
}

/**
 * Sums of values over a range of places and all keys above a bound: a merge sort tree.
 * O(n log n) to make, O(log² n) a sum.
 */
export class RangeSums {
  readonly #places: readonly number[];
  readonly #levels: readonly (Level | undefined)[];
  readonly #width: number;

  constructor(values: readonly KeyedValue[]) {
    const ordered = [...values].sort((a, b) => a.place - b.place);
    this.#places = ordered.map(({ place }) => place);
    this.#width = 2 ** Math.ceil(Math.log2(Math.max(ordered.length, 1)));
    const lists: (readonly KeyedValue[])[] = new Array(2 * this.#width).fill([]);
    for (const [at, entry] of ordered.entries()) lists[this.#width + at] = [entry];
    for (let at = this.#width - 1; at >= 1; at--) lists[at] = merge(lists[2 * at]!, lists[2 * at + 1]!);
    this.#levels = lists.map((list) => (list.length === 0 ? undefined : levelOf(list)));
  }

  /** Sum of the values at `first` ≤ place < `last` with a key above `bound`. */
  sum(first: number, last: number, bound: number): number {
    let total = 0;
    let low = this.#width + lowerBound(this.#places, first);
    let high = this.#width + lowerBound(this.#places, last);
    for (; low < high; low = Math.floor(low / 2), high = Math.floor(high / 2)) {
      if (low % 2 === 1) total += sumAbove(this.#levels[low++], bound);
      if (high % 2 === 1) total += sumAbove(this.#levels[--high], bound);
    }
    return total;
  }
}

function merge(a: readonly KeyedValue[], b: readonly KeyedValue[]): KeyedValue[] {
  const merged: KeyedValue[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && a[i]!.key <= b[j]!.key);
    merged.push(takeA ? a[i++]! : b[j++]!);
  }
  return merged;
}

function levelOf(list: readonly KeyedValue[]): Level {
  const sumFrom = new Array<number>(list.length + 1).fill(0);
  for (let at = list.length - 1; at >= 0; at--) sumFrom[at] = sumFrom[at + 1]! + list[at]!.value;
  return { keys: list.map(({ key }) => key), sumFrom };
}

function sumAbove(level: Level | undefined, bound: number): number {
  return level === undefined ? 0 : level.sumFrom[lowerBound(level.keys, bound + 1)]!;
}

/** The first position whose number is at least `bound`. */
function lowerBound(sorted: readonly number[], bound: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
