const SHUT = 0;
const INSIDE = 1;

/**
 * Two cells that both threads see, which keep the worker from being ended inside ONNX Runtime: a native
 * call that returns into a thread being torn down aborts the whole process.
 */
export class Gate {
  readonly cells: Int32Array<SharedArrayBuffer>;

  constructor(cells: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(8))) {
    this.cells = cells;
  }

  /** The worker asks before every native call; false when it must not make any more. */
  enter(): boolean {
    Atomics.store(this.cells, INSIDE, 1);
    if (Atomics.load(this.cells, SHUT) === 0) return true;
    this.leave();
    return false;
  }

  leave(): void {
    Atomics.store(this.cells, INSIDE, 0);
    Atomics.notify(this.cells, INSIDE);
  }

  shut(): void {
    Atomics.store(this.cells, SHUT, 1);
  }

  /** Blocks this thread until the worker has left its native call, or a minute has passed. */
  waitUntilLeft(): void {
    Atomics.wait(this.cells, INSIDE, 1, 60_000);
  }
}
