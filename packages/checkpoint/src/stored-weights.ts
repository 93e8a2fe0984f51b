import { type ByteSource, CacheQuantError, readExactly } from '@cachequant/tensor';
import type { ElementRange, WeightDType, WeightLocation, WeightSource } from './weight-source.js';
import { bytesPerElement, countOf } from './weight-types.js';

/** A weight that lies in a file as it is. */
export interface StoredWeight {
  readonly dtype: WeightDType;
  readonly dims: readonly number[];
  readonly source: ByteSource;
  readonly offset: number;
}

/** Weights that lie in files as they are. */
export class StoredWeights implements WeightSource {
  readonly #weights: ReadonlyMap<string, StoredWeight>;

  constructor(weights: ReadonlyMap<string, StoredWeight>) {
    this.#weights = weights;
  }

  names(): Iterable<string> {
    return this.#weights.keys();
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  shapeOf(name: string): readonly number[] {
    return this.#get(name).dims;
  }

  dtypeOf(name: string): WeightDType {
    return this.#get(name).dtype;
  }

  location(name: string): WeightLocation {
    const { source, offset, dtype, dims } = this.#get(name);
    return { source, offset, length: countOf(dims) * bytesPerElement(dtype) };
  }

  async read(name: string, range?: ElementRange): Promise<Uint8Array> {
    const { source, offset, dtype, dims } = this.#get(name);
    const { start, count } = checkRange(name, dims, range);
    const size = bytesPerElement(dtype);
    return readExactly(source, offset + start * size, count * size);
  }

  #get(name: string): StoredWeight {
    return this.#weights.get(name) ?? missingWeight(name);
  }
}

/** @throws CacheQuantError `checkpoint-format` */
export function missingWeight(name: string): never {
  throw new CacheQuantError('checkpoint-format', 'there is no such weight', {
    where: `weight '${name}'`,
    hint: 'The checkpoint belongs to another model, or a part of it is missing',
  });
}

/**
 * The range to read of a weight: all of it when none was asked for.
 * @throws CacheQuantError `invalid-argument` when the weight does not hold it
 */
export function checkRange(name: string, dims: readonly number[], range?: ElementRange): ElementRange {
  const total = countOf(dims);
  const { start, count } = range ?? { start: 0, count: total };
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(count) && start >= 0 && count >= 0;
  if (whole && start + count <= total) return { start, count };
  throw new CacheQuantError('invalid-argument', 'the weight does not hold the range', {
    where: `weight '${name}'`,
    expected: `start and count within ${total} elements`,
    got: `start ${start}, count ${count}`,
  });
}
