/** An error too small to see; more decibels than this say nothing. */
const MOST_DECIBELS = 150;

/** Σ x² and Σ (x − x̂)² of tensors, one after another. */
export class SignalToNoise {
  #signal = 0;
  #noise = 0;

  add(truth: Float32Array, given: Float32Array): void {
    for (let i = 0; i < truth.length; i++) {
      const value = truth[i]!;
      this.#signal += value * value;
      this.#noise += (value - given[i]!) ** 2;
    }
  }

  /** Decibels, at most 150; a signal of zeros has none but its noise. */
  get decibels(): number {
    if (this.#noise === 0) return MOST_DECIBELS;
    return Math.max(-MOST_DECIBELS, Math.min(MOST_DECIBELS, 10 * Math.log10(this.#signal / this.#noise)));
  }
}

/** Signal to noise in decibels of a noise in units of the signal's power. */
export function decibelsOf(noise: number): number {
  return -10 * Math.log10(noise);
}

/** The noise, in units of the signal's power, that a signal to noise in decibels stands for. */
export function noiseAt(decibels: number): number {
  return 10 ** (-decibels / 10);
}
