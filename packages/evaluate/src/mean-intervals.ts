import { MersenneTwister } from '@cachequant/tensor';

const RESAMPLES = 1000;

/** A mean over images and the interval that holds 95 % of its resamples. */
export interface MeanInterval {
  readonly mean: number;
  readonly interval: readonly [number, number];
  /** Values that went in. */
  readonly count: number;
}

interface Sums {
  count: number;
  sum: number;
  /** Of each resample. */
  readonly weights: number[];
  readonly sums: number[];
}

/** Everything a `MeanIntervals` knows, as plain numbers. */
export type MeanSnapshot = Readonly<Record<string, Readonly<Sums>>>;

/**
 * Means of named measures and their bootstrap intervals, from values that come one by one.
 *
 * Each image enters every resample a number of times that is Poisson distributed with mean 1 and drawn from the
 * image's index. So no value has to be kept, and measures of the same images, in this or another object, are
 * resampled alike: the interval of a difference is that of paired images.
 * Source: Chamandy et al., Estimating Uncertainty for Massive Data Streams, 2012, section 3,
 * https://research.google/pubs/pub43157.
 */
export class MeanIntervals {
  readonly #measures = new Map<string, Sums>();

  /**
   * Adds the values of one image, under the name of each measure.
   * @param image the image's index, from 0
   */
  add(image: number, values: Readonly<Record<string, number>>): void {
    const weights = poissonWeights(image);
    for (const [name, value] of Object.entries(values)) {
      const sums = this.#measures.get(name) ?? emptySums();
      this.#measures.set(name, sums);
      sums.count += 1;
      sums.sum += value;
      for (let i = 0; i < RESAMPLES; i++) {
        sums.weights[i]! += weights[i]!;
        sums.sums[i]! += weights[i]! * value;
      }
    }
  }

  /** By name, in the order in which the measures came. */
  summary(): Record<string, MeanInterval> {
    return Object.fromEntries([...this.#measures].map(([name, sums]) => [name, summarize(sums)]));
  }

  /** The values as plain data, to go on from later. */
  snapshot(): MeanSnapshot {
    return structuredClone(Object.fromEntries(this.#measures));
  }

  static restore(snapshot: MeanSnapshot): MeanIntervals {
    const restored = new MeanIntervals();
    for (const [name, sums] of Object.entries(snapshot)) {
      restored.#measures.set(name, structuredClone(sums) as Sums);
    }
    return restored;
  }
}

function emptySums(): Sums {
  return {
    count: 0,
    sum: 0,
    weights: new Array<number>(RESAMPLES).fill(0),
    sums: new Array<number>(RESAMPLES).fill(0),
  };
}

function summarize({ count, sum, weights, sums }: Sums): MeanInterval {
  const means = sums
    .flatMap((total, i) => (weights[i]! > 0 ? [total / weights[i]!] : []))
    .sort((a, b) => a - b);
  const at = (share: number) => means[Math.min(means.length - 1, Math.floor(share * means.length))]!;
  return { mean: sum / count, interval: [at(0.025), at(0.975)], count };
}

/** Cumulative Poisson probabilities for mean 1, in units of 2^-32; the rest is out of reach of the generator. */
const CUMULATIVE = Array.from({ length: 13 }, (_, k) => {
  let term = Math.exp(-1);
  let sum = term;
  for (let i = 1; i <= k; i++) {
    term /= i;
    sum += term;
  }
  return sum * 2 ** 32;
});

function poissonWeights(image: number): Uint8Array {
  const generator = new MersenneTwister(image);
  return Uint8Array.from({ length: RESAMPLES }, () => {
    const draw = generator.nextUint32();
    const weight = CUMULATIVE.findIndex((limit) => draw < limit);
    return weight < 0 ? CUMULATIVE.length : weight;
  });
}
