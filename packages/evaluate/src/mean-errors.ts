/** Everything a `MeanErrors` knows, as plain numbers. */
export interface ErrorSnapshot {
  readonly count: number;
  readonly sums: readonly number[];
}

/** Means over images of a row of numbers, such as the relative error after each network call. */
export class MeanErrors {
  #count = 0;
  #sums: number[] = [];

  /** Rows of another length than the first one are left out. */
  add(errors: readonly number[]): void {
    if (this.#count === 0) this.#sums = new Array<number>(errors.length).fill(0);
    if (errors.length !== this.#sums.length) return;
    this.#count += 1;
    this.#sums = this.#sums.map((sum, i) => sum + errors[i]!);
  }

  /** The mean of each column of the rows so far. */
  means(): number[] {
    return this.#sums.map((sum) => sum / this.#count);
  }

  /** The sums as plain data, to go on from later. */
  snapshot(): ErrorSnapshot {
    return { count: this.#count, sums: this.#sums };
  }

  static restore({ count, sums }: ErrorSnapshot): MeanErrors {
    const restored = new MeanErrors();
    restored.#count = count;
    restored.#sums = [...sums];
    return restored;
  }
}
