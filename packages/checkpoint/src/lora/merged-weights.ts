import { toBytes } from '@cachequant/tensor';
import { readFloat32 } from '../read-float32.js';
import { checkRange } from '../stored-weights.js';
import type { ElementRange, WeightDType, WeightLocation, WeightSource } from '../weight-source.js';
import { countOf } from '../weight-types.js';
import { addProduct, coreTimesDown, type Factors, setRowLengths } from './low-rank.js';

/** A low-rank addition to one weight. */
export interface Addition {
  readonly source: WeightSource;
  readonly down: string;
  readonly up: string;
  readonly mid: string | undefined;
  readonly magnitude: string | undefined;
  readonly rank: number;
  /** Those of the up part that are of this weight: all, but for a fused layer. */
  readonly rows: { readonly start: number; readonly count: number };
  readonly scale: number;
}

/**
 * Weights with low-rank additions, which are computed when a weight is read: float32, whatever the weight was
 * stored in. All others stay as they are.
 *
 * Memory: the factors of the weight that was read last.
 */
export class MergedWeights implements WeightSource {
  readonly #base: WeightSource;
  readonly #additions: ReadonlyMap<string, readonly Addition[]>;
  #last: { readonly name: string; readonly factors: Promise<Factors[]> } | undefined;

  constructor(base: WeightSource, additions: ReadonlyMap<string, readonly Addition[]>) {
    this.#base = base;
    this.#additions = additions;
  }

  names(): Iterable<string> {
    return this.#base.names();
  }

  has(name: string): boolean {
    return this.#base.has(name);
  }

  shapeOf(name: string): readonly number[] {
    return this.#base.shapeOf(name);
  }

  dtypeOf(name: string): WeightDType {
    return this.#additions.has(name) ? 'float32' : this.#base.dtypeOf(name);
  }

  location(name: string): WeightLocation | undefined {
    return this.#additions.has(name) ? undefined : this.#base.location(name);
  }

  async read(name: string, range?: ElementRange): Promise<Uint8Array> {
    const additions = this.#additions.get(name);
    if (additions === undefined) return this.#base.read(name, range);
    const shape = this.shapeOf(name);
    const { start, count } = checkRange(name, shape, range);
    const columns = countOf(shape.slice(1));
    // The length of a row is that of all its elements.
    const whole = additions.some(({ magnitude }) => magnitude !== undefined) && count > 0;
    const first = whole ? Math.floor(start / columns) * columns : start;
    const end = whole ? Math.ceil((start + count) / columns) * columns : start + count;
    // A copy: what was read may be a view of memory that is not ours.
    const values = Float32Array.from(
      await readFloat32(this.#base, name, { start: first, count: end - first }),
    );
    for (const factors of await this.#factorsOf(name, additions)) {
      addProduct(values, first, columns, factors);
      if (factors.magnitude !== undefined) setRowLengths(values, first / columns, columns, factors.magnitude);
    }
    return toBytes(values.subarray(start - first, start - first + count));
  }

  /** A weight is often read in many ranges, one after the other. */
  #factorsOf(name: string, additions: readonly Addition[]): Promise<Factors[]> {
    if (this.#last?.name !== name) {
      const factors = Promise.all(additions.map(readFactors));
      factors.catch(() => {
        if (this.#last?.factors === factors) this.#last = undefined;
      });
      this.#last = { name, factors };
    }
    return this.#last!.factors;
  }
}

async function readFactors(addition: Addition): Promise<Factors> {
  const { source, down, up, mid, rank, rows, scale } = addition;
  const width = countOf(source.shapeOf(up).slice(1));
  const up32 = await readFloat32(source, up, { start: rows.start * width, count: rows.count * width });
  const down32 = await readFloat32(source, down);
  const named = addition.magnitude;
  const magnitude = named === undefined ? undefined : await readFloat32(source, named, rows);
  const common = { up: up32, scale, magnitude };
  if (mid === undefined) return { ...common, down: down32, rank };
  const core = await readFloat32(source, mid);
  const kernel = countOf(source.shapeOf(mid).slice(2));
  const outer = source.shapeOf(mid)[0]!;
  return { ...common, down: coreTimesDown(core, down32, { outer, inner: rank, kernel }), rank: outer };
}
