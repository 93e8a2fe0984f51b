import { CacheQuantError } from '@cachequant/tensor';
import { checkRange, missingWeight } from './stored-weights.js';
import type { ElementRange, WeightDType, WeightLocation, WeightSource } from './weight-source.js';
import { bytesPerElement, countOf } from './weight-types.js';

/** How a weight of a view is made from one of its source. */
export interface ViewedWeight {
  readonly from: string;
  /** Only these rows (of the first dimension), such as one third of a fused projection. */
  readonly rows?: { readonly start: number; readonly count: number };
  /** A matrix with rows and columns exchanged. */
  readonly transposed?: boolean;
  /** Another shape of as many elements, such as a 1×1 convolution as a matrix. */
  readonly dims?: readonly number[];
}

/**
 * Weights of a source under other names, in parts, transposed or reshaped. Nothing is read to make one; parts and
 * shapes keep their place in the file, only transposed weights have none.
 */
export class WeightView implements WeightSource {
  readonly #source: WeightSource;
  readonly #weights: ReadonlyMap<string, ViewedWeight>;

  /** @throws CacheQuantError `checkpoint-format` for a weight that the source does not have or that does not fit */
  constructor(source: WeightSource, weights: ReadonlyMap<string, ViewedWeight>) {
    this.#source = source;
    this.#weights = weights;
    for (const [name, { from, rows, transposed, dims }] of weights) {
      const shape = source.shapeOf(from);
      const fits =
        (rows === undefined || holdsRows(shape, rows)) &&
        (!transposed || (shape.length === 2 && rows === undefined && dims === undefined)) &&
        (dims === undefined || countOf(dims) === countOf(partShape(shape, rows)));
      if (!fits) doesNotFit(name, from, shape);
    }
  }

  names(): Iterable<string> {
    return this.#weights.keys();
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  shapeOf(name: string): readonly number[] {
    const { from, rows, transposed, dims } = this.#get(name);
    if (dims !== undefined) return dims;
    const shape = partShape(this.#source.shapeOf(from), rows);
    return transposed ? [shape[1]!, shape[0]!] : shape;
  }

  dtypeOf(name: string): WeightDType {
    return this.#source.dtypeOf(this.#get(name).from);
  }

  location(name: string): WeightLocation | undefined {
    const { from, transposed } = this.#get(name);
    const whole = this.#source.location(from);
    if (whole === undefined || transposed) return undefined;
    const size = bytesPerElement(this.dtypeOf(name));
    return {
      source: whole.source,
      offset: whole.offset + this.#firstElement(name) * size,
      length: countOf(this.shapeOf(name)) * size,
    };
  }

  async read(name: string, range?: ElementRange): Promise<Uint8Array> {
    const { from, transposed } = this.#get(name);
    const { start, count } = checkRange(name, this.shapeOf(name), range);
    if (!transposed) return this.#source.read(from, { start: start + this.#firstElement(name), count });
    const size = bytesPerElement(this.dtypeOf(name));
    const whole = transposeBytes(await this.#source.read(from), this.#source.shapeOf(from), size);
    return whole.subarray(start * size, (start + count) * size);
  }

  #firstElement(name: string): number {
    const { from, rows } = this.#get(name);
    return rows === undefined ? 0 : rows.start * countOf(this.#source.shapeOf(from).slice(1));
  }

  #get(name: string): ViewedWeight {
    return this.#weights.get(name) ?? missingWeight(name);
  }
}

function holdsRows(shape: readonly number[], { start, count }: { start: number; count: number }): boolean {
  return Number.isInteger(start) && Number.isInteger(count) && start >= 0 && start + count <= (shape[0] ?? 0);
}

function partShape(shape: readonly number[], rows: ViewedWeight['rows']): readonly number[] {
  return rows === undefined ? shape : [rows.count, ...shape.slice(1)];
}

function transposeBytes(bytes: Uint8Array, [rows, columns]: readonly number[], size: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let row = 0; row < rows!; row++) {
    for (let column = 0; column < columns!; column++) {
      const from = (row * columns! + column) * size;
      const to = (column * rows! + row) * size;
      for (let i = 0; i < size; i++) result[to + i] = bytes[from + i]!;
    }
  }
  return result;
}

function doesNotFit(name: string, from: string, shape: readonly number[]): never {
  throw new CacheQuantError(
    'checkpoint-format',
    'the shape of the weight is not the one that its name promises',
    {
      where: `weight '${name}'`,
      got: `'${from}' [${shape}]`,
    },
  );
}
