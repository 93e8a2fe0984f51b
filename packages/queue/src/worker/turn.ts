/** Lets one piece of work run at a time; others hear that it is taken, and when it is free again. */
export class Turn {
  #isTaken = false;
  readonly #waiting = new Set<() => void>();

  /** @returns whether nobody else has it */
  take(): boolean {
    if (this.#isTaken) return false;
    this.#isTaken = true;
    return true;
  }

  give(): void {
    this.#isTaken = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell();
  }

  /** Calls once, when it is free. */
  whenFree(tell: () => void): void {
    if (this.#isTaken) this.#waiting.add(tell);
    else tell();
  }
}
