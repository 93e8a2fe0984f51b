// @ts-check
import { TaskFailure } from '../workspace/failure.mjs';
import { seconds } from '../workspace/phase.mjs';

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {'✓' | '✗' | '-' | '○'} mark `-` was not run after a failure, `○` was skipped on purpose
 * @property {string} time
 * @property {string} note
 */

/** Runs the steps of a rehearsal in order and keeps what came of each. */
export class Steps {
  /** @type {Row[]} */
  #rows = [];
  #stopped = false;

  get failed() {
    return this.#rows.some(({ mark }) => mark === '✗' || mark === '-');
  }

  /**
   * Runs a step that the later ones need: after its failure they are not run.
   *
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work its text becomes the note in the table
   * @returns {Promise<T | undefined>} undefined when it failed
   */
  async run(name, work) {
    const result = await this.check(name, work);
    if (this.#rows.at(-1)?.mark !== '✓') this.#stopped = true;
    return result;
  }

  /**
   * Says that a step cannot be run here, which is no failure.
   *
   * @param {string} name
   * @param {string} reason
   */
  skip(name, reason) {
    process.stderr.write(`${name}: skipped, ${reason}\n`);
    this.#rows.push({ name, mark: '○', time: '', note: `skipped: ${reason}` });
  }

  /**
   * Runs a step that no other needs.
   *
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work
   * @returns {Promise<T | undefined>}
   */
  async check(name, work) {
    if (this.#stopped) {
      this.#rows.push({ name, mark: '-', time: '', note: 'not run' });
      return undefined;
    }
    process.stderr.write(`${name} …\n`);
    const start = performance.now();
    const time = () => seconds(performance.now() - start);
    try {
      const result = await work();
      this.#rows.push({ name, mark: '✓', time: time(), note: typeof result === 'string' ? result : '' });
      return result;
    } catch (error) {
      const message = error instanceof TaskFailure ? error.message : String(error);
      process.stderr.write(`${message}\n`);
      this.#rows.push({ name, mark: '✗', time: time(), note: message.trim().split('\n').at(-1) ?? '' });
      return undefined;
    }
  }

  /** @returns {string} a line for each step */
  table() {
    const width = Math.max(...this.#rows.map(({ name }) => name.length));
    return this.#rows
      .map(({ name, mark, time, note }) =>
        `${mark} ${name.padEnd(width)}  ${time.padStart(6)}  ${note}`.trimEnd(),
      )
      .join('\n');
  }
}
