/** One line for each stage, with its time; on a terminal the line counts while the stage runs. */
export class StageLine {
  #name = '';
  #startMs = 0;

  constructor(readonly originMs: number) {}

  stage(name: string, reused: boolean): void {
    this.end();
    if (reused) {
      console.log(`  ${name.padEnd(44)} done before`);
      return;
    }
    this.#name = name;
    this.#startMs = performance.now();
  }

  progress(done: number, total: number): void {
    if (!process.stdout.isTTY || this.#name === '') return;
    const elapsed = (performance.now() - this.#startMs) / 1000;
    const left = done > 0 ? `, ${Math.ceil((elapsed / done) * (total - done))} s left` : '';
    process.stdout.write(`\r  ${this.#name.slice(0, 44).padEnd(44)} ${done}/${total}${left}        `);
  }

  end(): void {
    if (this.#name === '') return;
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1);
    const clear = process.stdout.isTTY ? '\r' : '';
    console.log(`${clear}  ${this.#name.padEnd(44)} ${seconds.padStart(6)} s            `);
    this.#name = '';
  }
}
