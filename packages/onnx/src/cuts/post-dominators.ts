import type { Dependencies } from '../analyze/dependencies.js';
import type { OnnxGraph, OnnxNode } from '../model.js';

/** A tensor or a node of the tree; the exit, which stands for the end of the run, is the root. */
type Point = number;

const EXIT: Point = 0;

/**
 * What every use of a tensor or node has to go through: a point's parent is the first tensor or node that lies on all
 * ways from it to the outputs of the graph. The points below a tensor are those that nothing needs once it is given.
 *
 * Time O(E log V): one pass from the outputs backwards, in which a point's parent is the lowest common ancestor of
 * what it leads to, found with jump pointers.
 * Source: Cooper, Harvey, Kennedy, A Simple, Fast Dominance Algorithm, 2001 (in a graph without cycles one pass does);
 * Myers, An applicative random-access stack, 1983 (jump pointers).
 */
export class PostDominators {
  readonly #points = new Map<string | OnnxNode, Point>();
  readonly #parent: Point[] = [EXIT];
  readonly #jump: Point[] = [EXIT];
  readonly #depth: number[] = [0];
  readonly #enter: Int32Array;
  readonly #leave: Int32Array;
  /** How many points were looked at, for tests of how the work grows. */
  work = 0;

  constructor(graph: OnnxGraph, { order, reads }: Dependencies) {
    // Consumers are added before their producers, so that a tensor's readers are known when it is its turn.
    const leadsTo = new Map<string, Point>(graph.outputs.map(({ name }) => [name, EXIT]));
    for (let at = order.length - 1; at >= 0; at--) {
      const node = order[at]!;
      let end: Point | undefined;
      for (const name of node.outputs) {
        const readers = leadsTo.get(name);
        if (name === '' || readers === undefined) continue;
        const tensor = this.#add(name, readers);
        end = end === undefined ? tensor : this.#common(end, tensor);
      }
      if (end === undefined) continue;
      const point = this.#add(node, end);
      for (const name of reads(node)) {
        const other = leadsTo.get(name);
        leadsTo.set(name, other === undefined ? point : this.#common(other, point));
      }
    }
    [this.#enter, this.#leave] = this.#tour();
  }

  /** Where a node is in a walk through the tree; undefined when no output needs it. */
  placeOf(node: OnnxNode): number | undefined {
    const point = this.#points.get(node);
    return point === undefined ? undefined : this.#enter[point];
  }

  /** Places of everything below a tensor: from the first on, before the last. Undefined when no output needs it. */
  placesBelow(tensor: string): { readonly first: number; readonly last: number } | undefined {
    const point = this.#points.get(tensor);
    return point === undefined ? undefined : { first: this.#enter[point]!, last: this.#leave[point]! };
  }

  get size(): number {
    return this.#parent.length;
  }

  #add(key: string | OnnxNode, parent: Point): Point {
    const point = this.#parent.length;
    const jump = this.#jump[parent]!;
    const even =
      this.#depth[parent]! - this.#depth[jump]! === this.#depth[jump]! - this.#depth[this.#jump[jump]!]!;
    this.#points.set(key, point);
    this.#parent.push(parent);
    this.#depth.push(this.#depth[parent]! + 1);
    this.#jump.push(even ? this.#jump[jump]! : parent);
    return point;
  }

  /** The lowest point that lies above both or is one of them. */
  #common(a: Point, b: Point): Point {
    let [low, high] = this.#depth[a]! >= this.#depth[b]! ? [a, b] : [b, a];
    while (this.#depth[low]! > this.#depth[high]!) {
      this.work += 1;
      low = this.#depth[this.#jump[low]!]! >= this.#depth[high]! ? this.#jump[low]! : this.#parent[low]!;
    }
    while (low !== high) {
      this.work += 1;
      const far = this.#jump[low] !== this.#jump[high];
      [low, high] = far ? [this.#jump[low]!, this.#jump[high]!] : [this.#parent[low]!, this.#parent[high]!];
    }
    return low;
  }

  /** First and last place of every point's subtree; a parent has a smaller number than its children. */
  #tour(): [enter: Int32Array, leave: Int32Array] {
    const sizes = new Int32Array(this.size).fill(1);
    for (let point = this.size - 1; point > EXIT; point--) sizes[this.#parent[point]!]! += sizes[point]!;
    const enter = new Int32Array(this.size);
    const next = new Int32Array(this.size);
    next[EXIT] = 1;
    for (let point = 1; point < this.size; point++) {
      const parent = this.#parent[point]!;
      enter[point] = next[parent]!;
      next[parent]! += sizes[point]!;
      next[point] = enter[point]! + 1;
    }
    return [enter, enter.map((place, point) => place + sizes[point]!)];
  }
}
