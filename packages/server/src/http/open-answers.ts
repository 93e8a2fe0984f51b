import type { ServerResponse } from 'node:http';

/** Answers to requests that came whole, until their clients have them or are gone. */
export class OpenAnswers {
  #count = 0;
  #onNone = () => {};

  add(response: ServerResponse): void {
    this.#count += 1;
    response.once('close', () => {
      this.#count -= 1;
      if (this.#count === 0) this.#onNone();
    });
  }

  /** Resolves when there are none, or after `ms`. */
  async none(ms: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
