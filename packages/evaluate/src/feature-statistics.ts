import { CacheQuantError } from '@cachequant/tensor';

/** Mean and covariance of feature vectors. */
export interface FeatureDistribution {
  readonly count: number;
  /** [D]. */
  readonly mean: Float64Array;
  /** [D, D] row-major, over n − 1. */
  readonly covariance: Float64Array;
}

/** Everything a `FeatureStatistics` knows, as plain numbers. */
export interface FeatureSnapshot {
  readonly count: number;
  readonly mean: readonly number[];
  readonly scatter: readonly number[];
}

/**
 * Mean and covariance of feature vectors that come one by one; D² numbers of memory, however many there are.
 *
 * Source: Welford, Note on a Method for Calculating Corrected Sums of Squares and Products, 1962,
 * https://doi.org/10.1080/00401706.1962.10490022, for vectors.
 */
export class FeatureStatistics {
  #count = 0;
  readonly #mean: Float64Array;
  /** Σ (x − mean)(x − mean)ᵀ; only the upper triangle is filled. */
  readonly #scatter: Float64Array;

  constructor(readonly dimension: number) {
    this.#mean = new Float64Array(dimension);
    this.#scatter = new Float64Array(dimension * dimension);
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Adds the features of one picture, in O(dimension²). Throws `shape` for another length than the first.
   * @throws CacheQuantError `shape` for a vector of another length, `invalid-argument` for one that is not finite
   */
  add(features: ArrayLike<number>): void {
    const { dimension } = this;
    if (features.length !== dimension) {
      throw new CacheQuantError('shape', 'the features have another length', {
        where: 'FeatureStatistics.add',
        expected: String(dimension),
        got: String(features.length),
      });
    }
    const values = Float64Array.from(features);
    if (!values.every(Number.isFinite)) {
      throw new CacheQuantError('invalid-argument', 'a feature is not a finite number', {
        where: `FeatureStatistics.add, vector ${this.#count}`,
      });
    }
    this.#count += 1;
    const before = values.map((value, i) => value - this.#mean[i]!);
    for (let i = 0; i < dimension; i++) this.#mean[i]! += before[i]! / this.#count;
    for (let i = 0; i < dimension; i++) {
      for (let j = i; j < dimension; j++) {
        this.#scatter[i * dimension + j]! += before[i]! * (values[j]! - this.#mean[j]!);
      }
    }
  }

  /**
   * Mean and covariance of what was added so far.
   * @throws CacheQuantError `invalid-argument` for fewer than two vectors, which have no covariance
   */
  distribution(): FeatureDistribution {
    if (this.#count < 2) {
      throw new CacheQuantError('invalid-argument', 'there are too few feature vectors', {
        where: 'FeatureStatistics.distribution',
        expected: '2 at least',
        got: String(this.#count),
      });
    }
    const { dimension } = this;
    const covariance = new Float64Array(dimension * dimension);
    for (let i = 0; i < dimension; i++) {
      for (let j = i; j < dimension; j++) {
        const value = this.#scatter[i * dimension + j]! / (this.#count - 1);
        covariance[i * dimension + j] = value;
        covariance[j * dimension + i] = value;
      }
    }
    return { count: this.#count, mean: this.#mean.slice(), covariance };
  }

  /** The sums as plain data, to go on from later. */
  snapshot(): FeatureSnapshot {
    return { count: this.#count, mean: [...this.#mean], scatter: [...this.#scatter] };
  }

  static restore({ count, mean, scatter }: FeatureSnapshot): FeatureStatistics {
    const restored = new FeatureStatistics(mean.length);
    restored.#count = count;
    restored.#mean.set(mean);
    restored.#scatter.set(scatter);
    return restored;
  }
}
